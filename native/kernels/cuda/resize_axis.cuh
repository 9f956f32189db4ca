#pragma once

#include "native/kernels/cuda/launch.cuh"
#include "native/kernels/cuda/resize.h"

// Weighted sums along an axis, in the number formats that the resizes have.
namespace vmolmo::cuda {

struct FromFloat {
  using Sample = float;
  using Value = float;
  using Out = float;
  __device__ __forceinline__ static float start() { return 0.0f; }
  __device__ __forceinline__ static float sample(float x) { return x; }
  __device__ __forceinline__ static float finish(float sum) { return sum; }
};
struct FromByte {
  using Sample = uint8_t;
  using Value = float;
  using Out = float;
  __device__ __forceinline__ static float start() { return 0.0f; }
  __device__ __forceinline__ static float sample(uint8_t x) {
    return static_cast<float>(x) / 255.0f;
  }
  __device__ __forceinline__ static float finish(float sum) { return sum; }
};
// Bytes to bytes, weights with 22 fractional bits.
struct Pillow {
  using Sample = uint8_t;
  using Value = int32_t;
  using Out = uint8_t;
  static constexpr int kBits = 22;
  __device__ __forceinline__ static int32_t start() { return 1 << (kBits - 1); }
  __device__ __forceinline__ static int32_t sample(uint8_t x) { return x; }
  __device__ __forceinline__ static uint8_t finish(int32_t sum) {
    const int32_t value = sum >> kBits;
    return static_cast<uint8_t>(value < 0 ? 0 : value > 255 ? 255 : value);
  }
};

// Output `at` of the axis, whose samples lie `step` elements apart from `source` on.
template <typename Kind>
__device__ __forceinline__ typename Kind::Out weigh(const typename Kind::Sample* source,
                                                    int64_t step,
                                                    const Taps<typename Kind::Value>& taps,
                                                    int64_t at) {
  if (!taps.first) return static_cast<typename Kind::Out>(Kind::sample(source[at * step]));
  source += taps.first[at] * step;
  const typename Kind::Value* weight = taps.weights + taps.offset[at];
  auto sum = Kind::start();
  for (int32_t t = 0; t < taps.count[at]; ++t) sum += weight[t] * Kind::sample(source[t * step]);
  return Kind::finish(sum);
}

}  // namespace vmolmo::cuda
