#include "bench/native/measure.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>

#include "native/base/thread_pool.h"
#include "native/kernels/cpu/kernels.h"

namespace vmolmo::bench {
namespace {

double seconds_of(const std::function<void()>& body) {
  const auto start = std::chrono::steady_clock::now();
  body();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

std::string processor_name() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);) {
    if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
  }
  return "unknown processor";
}

}  // namespace

std::vector<Timing> measure(const std::vector<std::function<void()>>& candidates, int rounds) {
  std::vector<std::vector<double>> seconds(candidates.size());
  for (int round = 0; round <= rounds; ++round) {
    for (size_t i = 0; i < candidates.size(); ++i) {
      const double s = seconds_of(candidates[i]);
      if (round > 0) seconds[i].push_back(s);
    }
  }
  std::vector<Timing> timings;
  for (auto& values : seconds) {
    std::sort(values.begin(), values.end());
    const size_t n = values.size();
    timings.push_back({values[n / 2], values[n / 4], values[n - 1 - n / 4]});
  }
  return timings;
}

void print_machine(const Options& options) {
  std::printf("machine: %s, %d cores; threads %d; kernels %s; rounds %d\n",
              processor_name().c_str(), available_cores(),
              options.threads > 0 ? options.threads : available_cores(), cpu::kernels().name,
              options.rounds);
}

}  // namespace vmolmo::bench
