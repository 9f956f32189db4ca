#include "bench/cuda/kernels/device.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "native/base/cublaslt.h"
#include "native/kernels/cuda/cublaslt_gemm.h"
#include "native/kernels/cuda/gemm_tensor.h"
#include "videomolmo/system.h"

namespace vmolmo::cuda_bench {
namespace {

uint16_t to_bf16(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  return static_cast<uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

struct Event {
  cudaEvent_t handle = nullptr;
  Event() { cuda::check(cudaEventCreateWithFlags(&handle, cudaEventDefault), "create an event"); }
  ~Event() { cudaEventDestroy(handle); }
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
};

struct OwnStream {
  cudaStream_t handle = nullptr;
  OwnStream() {
    cuda::check(cudaStreamCreateWithFlags(&handle, cudaStreamNonBlocking), "create a stream");
  }
  ~OwnStream() { cudaStreamDestroy(handle); }
  OwnStream(const OwnStream&) = delete;
  OwnStream& operator=(const OwnStream&) = delete;
};

struct Graph {
  cudaGraphExec_t handle = nullptr;
  Graph(cudaStream_t stream, const std::function<void()>& work) {
    cudaGraph_t recorded = nullptr;
    cuda::check(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal), "record a graph");
    work();
    cuda::check(cudaStreamEndCapture(stream, &recorded), "record a graph");
    const cudaError_t error = cudaGraphInstantiate(&handle, recorded, 0);
    cudaGraphDestroy(recorded);
    cuda::check(error, "make a graph");
  }
  ~Graph() { cudaGraphExecDestroy(handle); }
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;
};

double copy_rate(size_t bytes, int rounds) {
  const DeviceArray<std::byte> from(bytes), to(bytes);
  from.poison();
  const Timing timing = measure(
      [&](cudaStream_t stream, int) {
        cuda::check(cudaMemcpyAsync(to.get(), from.get(), bytes, cudaMemcpyDeviceToDevice, stream),
                    "copy");
      },
      4, rounds);
  return 2.0 * static_cast<double>(bytes) / timing.median_us / 1e3;
}

double product_rate(int64_t n, int rounds, std::string& by) {
  Numbers numbers(0);
  const auto count = static_cast<size_t>(n * n);
  const DeviceArray<uint16_t> x(numbers.bf16(count)), w(numbers.bf16(count));
  const DeviceArray<float> y(count);
  constexpr size_t kWorkspace = size_t{64} << 20;
  const DeviceArray<std::byte> workspace(kWorkspace);
  cuda::LtGemm problem;
  problem.x = x.get(), problem.w = w.get(), problem.y = y.get();
  problem.m = problem.n = problem.k = problem.ldx = problem.ldw = problem.ldy = problem.ldr = n;
  problem.output = cublaslt::DataType::kF32;
  const auto lt = cuda::CublasLtGemm::make(cublaslt::library());
  const bool usable = lt && lt->run(problem, workspace.get(), kWorkspace, nullptr);
  by = usable ? "cuBLASLt" : "our own product, cuBLASLt was not usable";
  cuda::TensorGemm own;
  own.x = x.get(), own.w = w.get(), own.y = y.get();
  own.m = own.n = own.k = own.ldx = own.ldw = own.ldy = own.ldr = n;
  const Timing timing = measure(
      [&](cudaStream_t stream, int) {
        if (usable)
          lt->run(problem, workspace.get(), kWorkspace, stream);
        else
          cuda::gemm_tensor(stream, own, {}, nullptr);
      },
      2, rounds);
  return 2.0 * std::pow(static_cast<double>(n), 3) / timing.median_us / 1e6;
}

}  // namespace

std::vector<float> Numbers::floats(size_t count, float scale) {
  std::vector<float> values(count);
  for (float& v : values) v = scale * (static_cast<float>(engine_() % 65536) / 32768.0f - 1.0f);
  return values;
}

std::vector<uint16_t> Numbers::bf16(size_t count, float scale) {
  std::vector<uint16_t> bits(count);
  for (uint16_t& b : bits)
    b = to_bf16(scale * (static_cast<float>(engine_() % 65536) / 32768.0f - 1.0f));
  return bits;
}

float from_bf16(uint16_t bits) { return std::bit_cast<float>(uint32_t{bits} << 16); }

std::vector<size_t> samples(Numbers& numbers, size_t count, size_t wanted) {
  std::vector<size_t> chosen{0, count - 1};
  while (chosen.size() < wanted) chosen.push_back(numbers.below(count));
  return chosen;
}

double relative_l2(const std::vector<double>& actual, const std::vector<double>& expected) {
  double difference = 0.0, norm = 0.0;
  for (size_t i = 0; i < actual.size(); ++i) {
    difference += (actual[i] - expected[i]) * (actual[i] - expected[i]);
    norm += expected[i] * expected[i];
  }
  const double error = std::sqrt(difference / norm);
  return std::isfinite(error) ? error : INFINITY;
}

Timing measure(const std::function<void(cudaStream_t, int)>& work, int launches, int rounds) {
  const OwnStream stream;
  for (int i = 0; i < launches; ++i) work(stream.handle, i);  // loads modules, sets attributes
  cuda::check(cudaStreamSynchronize(stream.handle), "finish the warm-up");
  const Graph graph(stream.handle, [&] {
    for (int i = 0; i < launches; ++i) work(stream.handle, i);
  });
  const Event begin, end;
  std::vector<double> times;
  for (int round = -3; round < rounds; ++round) {
    cuda::check(cudaEventRecord(begin.handle, stream.handle), "record an event");
    cuda::check(cudaGraphLaunch(graph.handle, stream.handle), "start a graph");
    cuda::check(cudaEventRecord(end.handle, stream.handle), "record an event");
    cuda::check(cudaEventSynchronize(end.handle), "finish a round");
    float milliseconds = 0.0f;
    cuda::check(cudaEventElapsedTime(&milliseconds, begin.handle, end.handle), "read the time");
    if (round >= 0) times.push_back(1e3 * static_cast<double>(milliseconds) / launches);
  }
  std::sort(times.begin(), times.end());
  const size_t n = times.size();
  return {times[n / 2], times[n / 4], times[n - 1 - n / 4]};
}

Limits measure_limits(bool tiny, int rounds) {
  Limits limits;
  limits.gigabytes = copy_rate(tiny ? size_t{1} << 16 : size_t{2} << 30, rounds);
  limits.teraflops = product_rate(tiny ? 64 : 8192, rounds, limits.product_by);
  return limits;
}

Machine describe_machine() {
  const CudaStatus status = cuda_status();
  require(!status.devices.empty(), Code::kDeviceUnavailable, "No CUDA device: ", status.message);
  Machine machine;
  machine.name = status.devices[0].name;
  cuda::check(cudaDeviceGetAttribute(&machine.multiprocessors, cudaDevAttrMultiProcessorCount, 0),
              "read the number of multiprocessors");
  cuda::check(cudaDeviceGetAttribute(&machine.l2_bytes, cudaDevAttrL2CacheSize, 0),
              "read the size of the cache");
  return machine;
}

}  // namespace vmolmo::cuda_bench
