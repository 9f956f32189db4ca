#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "bench/cuda/kernels/cases.h"
#include "native/base/cublaslt.h"

// Checks and measures the CUDA kernels at the sizes of the real models. Exit codes: 0, 1 for a case
// that fails its check, 2 for wrong usage, 3 when there is no device.
namespace vmolmo::cuda_bench {

int Sizes::sets(double bytes) const {
  if (tiny) return 2;
  const double wanted = 4.0 * std::max(machine.l2_bytes, 32 << 20) / bytes;
  return std::clamp(static_cast<int>(wanted) + 1, 1, 64);
}

namespace {

constexpr int kFailed = 1, kUsage = 2, kNoDevice = 3;

struct Options {
  bool check_only = false;   // tiny shapes, no times
  bool limits_only = false;  // no kernels
  int rounds = 20;
  uint32_t seed = 0;
  std::string json, filter;
};

bool parse(int argc, char** argv, Options& options) {
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    const bool more = i + 1 < argc;
    if (argument == "--check") {
      options.check_only = true;
    } else if (argument == "--limits") {
      options.limits_only = true;
    } else if (argument == "--rounds" && more) {
      options.rounds = std::max(1, std::atoi(argv[++i]));
    } else if (argument == "--seed" && more) {
      options.seed = static_cast<uint32_t>(std::strtoul(argv[++i], nullptr, 10));
    } else if (argument == "--json" && more) {
      options.json = argv[++i];
    } else if (argument.starts_with("--")) {
      return false;
    } else {
      options.filter = argument;
    }
  }
  return true;
}

// The time that no version can be faster than, and which term it is.
struct Floor {
  double us;
  const char* bound;
};
Floor floor_of(const Case& c, const Limits& limits) {
  const double memory = c.bytes / limits.gigabytes / 1e3;
  const double arithmetic = c.flops / limits.teraflops / 1e6;
  return memory >= arithmetic ? Floor{memory, "memory"} : Floor{arithmetic, "arithmetic"};
}

void print_case(const std::string& name, const Case& c, double error, const Timing& t,
                const Limits& limits, std::FILE* json) {
  const Floor floor = floor_of(c, limits);
  std::printf("%-44s %9.1f us (%.1f .. %.1f)  floor %8.1f us (%s)  %4.0f %%  error %.1e\n",
              name.c_str(), t.median_us, t.low_us, t.high_us, floor.us, floor.bound,
              100.0 * floor.us / t.median_us, error);
  std::fflush(stdout);
  if (!json) return;
  std::fprintf(json,
               "{\"name\":\"%s\",\"medianUs\":%.3f,\"lowUs\":%.3f,\"highUs\":%.3f,\"bytes\":%.0f,"
               "\"flops\":%.0f,\"floorUs\":%.3f,\"bound\":\"%s\",\"error\":%.3e}\n",
               name.c_str(), t.median_us, t.low_us, t.high_us, c.bytes, c.flops, floor.us,
               floor.bound, error);
}

// False when the result is wrong.
bool run_entry(const Entry& entry, const Sizes& sizes, const Options& options, const Limits& limits,
               std::FILE* json) {
  const Case c = entry.make(sizes);
  const double error = c.error();
  if (!(error <= c.tolerance)) {
    std::printf("%-44s WRONG: relative L2 %.2e, allowed %.0e\n", entry.name.c_str(), error,
                c.tolerance);
    return false;
  }
  if (options.check_only) {
    std::printf("%-44s right, relative L2 %.1e\n", entry.name.c_str(), error);
    return true;
  }
  const int launches = std::max(c.sets, 4);
  const Timing timing = measure([&](cudaStream_t stream, int i) { c.run(stream, i % c.sets); },
                                launches, options.rounds);
  print_case(entry.name, c, error, timing, limits, json);
  return true;
}

int run(const Options& options) {
  Sizes sizes;
  sizes.machine = describe_machine();
  sizes.tiny = options.check_only;
  sizes.seed = options.seed;
  std::printf("%s, %d multiprocessors; cuBLASLt %s\n", sizes.machine.name.c_str(),
              sizes.machine.multiprocessors,
              cublaslt_status().found ? cublaslt_status().path.c_str() : "not found");
  const Limits limits = measure_limits(sizes.tiny, sizes.tiny ? 1 : options.rounds);
  if (!sizes.tiny) {
    std::printf("measured limits: %.0f GB/s (copy, read and written), %.0f TFLOP/s (bf16, %s)\n",
                limits.gigabytes, limits.teraflops, limits.product_by.c_str());
  }
  std::FILE* json = options.json.empty() ? nullptr : std::fopen(options.json.c_str(), "w");
  if (json) {
    std::fprintf(json, "{\"device\":\"%s\",\"gigabytesPerSecond\":%.1f,\"teraflops\":%.1f}\n",
                 sizes.machine.name.c_str(), limits.gigabytes, limits.teraflops);
  }
  if (options.limits_only) {
    if (json) std::fclose(json);
    return 0;
  }
  int wrong = 0, count = 0;
  for (const auto& family : {gemm_cases(), gemv_cases(), attention_cases(), window_cases(),
                             conv_cases(), mask_cases()}) {
    for (const Entry& entry : family) {
      if (entry.name.find(options.filter) == std::string::npos) continue;
      ++count;
      if (!run_entry(entry, sizes, options, limits, json)) ++wrong;
    }
  }
  if (json) std::fclose(json);
  std::printf("%d cases, %d wrong\n", count, wrong);
  return wrong == 0 && count > 0 ? 0 : kFailed;
}

}  // namespace
}  // namespace vmolmo::cuda_bench

int main(int argc, char** argv) {
  using namespace vmolmo;
  cuda_bench::Options options;
  if (!cuda_bench::parse(argc, argv, options)) {
    std::fprintf(
        stderr,
        "usage: %s [--check] [--limits] [--rounds N] [--seed N] [--json FILE] [part of a name]\n",
        argv[0]);
    return cuda_bench::kUsage;
  }
  try {
    return cuda_bench::run(options);
  } catch (const Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return error.code() == Code::kDeviceUnavailable ? cuda_bench::kNoDevice : cuda_bench::kFailed;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return cuda_bench::kFailed;
  }
}
