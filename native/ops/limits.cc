#include "videomolmo/limits.h"

#include <algorithm>
#include <atomic>
#include <chrono>

#include "native/ops/linear.h"

namespace vmolmo {
namespace {

template <typename Body>
double best_seconds(int rounds, const Body& body) {
  double best = 1e30;
  for (int i = 0; i < rounds; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    body();
    const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - begin;
    best = std::min(best, taken.count());
  }
  return best;
}

// GFLOP/s of one square f32 product that fits the caches' blocking well.
double product_rate(Context& context) {
  constexpr int64_t kSide = 1536;
  const Tensor x = context.zeros({kSide, kSide});
  const Weight weight(context.zeros({kSide, kSide}));
  const double seconds = best_seconds(5, [&] { ops::linear(context, x, weight); });
  return 2.0 * kSide * kSide * kSide / seconds / 1e9;
}

// GB/s of reading a buffer that no cache holds, all threads.
double read_rate(Context& context) {
  constexpr int64_t kWords = int64_t{1} << 26;  // 512 MiB
  constexpr int64_t kBlock = 1 << 16;
  const Tensor buffer = Tensor::zeros(cpu_heap(), {kWords}, DType::kI64);
  const int64_t* words = buffer.data<int64_t>();
  std::atomic<int64_t> folded{0};
  const double seconds = best_seconds(5, [&] {
    context.threads().parallel_for(kWords / kBlock, 16, [&](int64_t begin, int64_t end) {
      int64_t sum = 0;
      for (int64_t i = begin * kBlock; i < end * kBlock; ++i) sum ^= words[i];
      folded.fetch_xor(sum, std::memory_order_relaxed);
    });
  });
  return static_cast<double>(buffer.bytes()) / seconds / 1e9;
}

}  // namespace

MachineLimits measure_limits(int threads) {
  Context context(threads);
  return {product_rate(context), read_rate(context)};
}

}  // namespace vmolmo
