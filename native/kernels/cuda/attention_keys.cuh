#pragma once

#include "native/kernels/cuda/launch.cuh"

// What a warp of attention_split.cu does with four keys and eight rows: a lane has 4 or 8 elements
// of each of them. The 32 products of rows and keys are summed over the lanes so that each lane
// ends up with one of them.
namespace vmolmo::cuda {

constexpr int kRows = 8;
constexpr int kKeys = 4;

__device__ __forceinline__ float dot(const float4& a, const float4& b) {
  return a.x * b.x + a.y * b.y + a.z * b.z + a.w * b.w;
}
__device__ __forceinline__ void add_scaled(float4& sum, const float4& v, float weight) {
  sum.x += weight * v.x, sum.y += weight * v.y, sum.z += weight * v.z, sum.w += weight * v.w;
}
__device__ __forceinline__ void scale_by(float4& v, float factor) {
  v.x *= factor, v.y *= factor, v.z *= factor, v.w *= factor;
}

// Lane l gets the sum over all lanes of values[l]: every step halves the values a lane holds.
template <int BITS = kWarpSize / 2>
__device__ __forceinline__ float sum_transposed(float (&values)[kWarpSize], int lane) {
  const bool upper = lane & BITS;
#pragma unroll
  for (int i = 0; i < BITS; ++i) {
    const float keep = upper ? values[i + BITS] : values[i];
    const float send = upper ? values[i] : values[i + BITS];
    values[i] = keep + __shfl_xor_sync(kAllLanes, send, BITS);
  }
  if constexpr (BITS > 1) return sum_transposed<BITS / 2>(values, lane);
  return values[0];
}

// Four elements of a row as they lie in memory, and as floats.
template <typename T>
struct Quad {
  using Bits = float4;
  __device__ __forceinline__ static float4 widen(const float4& bits) { return bits; }
};
template <>
struct Quad<__nv_bfloat16> {
  using Bits = uint2;
  __device__ __forceinline__ static float4 widen(const uint2& bits) {
    return make_float4(__uint_as_float(bits.x << 16), __uint_as_float(bits.x & 0xffff0000u),
                       __uint_as_float(bits.y << 16), __uint_as_float(bits.y & 0xffff0000u));
  }
};

// Elements 128 i + 4 lane .. + 3 of a row, zero behind d.
template <typename T, int QUADS>
__device__ __forceinline__ void load_row(typename Quad<T>::Bits (&row)[QUADS], const T* from,
                                         bool there, int d, int lane) {
  using Bits = typename Quad<T>::Bits;
#pragma unroll
  for (int i = 0; i < QUADS; ++i) {
    const int at = i * kWarpSize * 4 + lane * 4;
    row[i] = there && at < d ? *reinterpret_cast<const Bits*>(from + at) : Bits{};
  }
}

// Four rows of keys or values.
template <typename T, int QUADS>
struct KeyRows {
  typename Quad<T>::Bits bits[kKeys][QUADS];

  __device__ __forceinline__ void load(const T* from, int64_t step, int key, int end, int d,
                                       int lane) {
#pragma unroll
    for (int j = 0; j < kKeys; ++j)
      load_row(bits[j], from + (key + j) * step, key + j < end, d, lane);
  }
  __device__ __forceinline__ float4 quad(int j, int i) const { return Quad<T>::widen(bits[j][i]); }
};

// What a warp has of its rows. maximum and weight belong to row lane / 4.
template <int QUADS>
struct Running {
  float4 sums[kRows][QUADS];
  float maximum = -INFINITY, weight = 0.0f;
};

// One score per lane: row lane / 4, key lane % 4 of the four.
template <typename T, int QUADS>
__device__ __forceinline__ void take_keys(Running<QUADS>& state, float score,
                                          const KeyRows<T, QUADS>& values) {
  float top = fmaxf(score, __shfl_xor_sync(kAllLanes, score, 1));
  top = fmaxf(top, __shfl_xor_sync(kAllLanes, top, 2));
  top = fmaxf(top, state.maximum);
  const float reference = top == -INFINITY ? 0.0f : top;
  const float keep = exp2f(state.maximum - reference), weight = exp2f(score - reference);
  state.maximum = top;
  float total = weight + __shfl_xor_sync(kAllLanes, weight, 1);
  total += __shfl_xor_sync(kAllLanes, total, 2);
  state.weight = state.weight * keep + total;
#pragma unroll
  for (int r = 0; r < kRows; ++r) {
    const float kept = __shfl_sync(kAllLanes, keep, r * 4);
    float w[kKeys];
#pragma unroll
    for (int j = 0; j < kKeys; ++j) w[j] = __shfl_sync(kAllLanes, weight, r * 4 + j);
#pragma unroll
    for (int i = 0; i < QUADS; ++i) {
      scale_by(state.sums[r][i], kept);
#pragma unroll
      for (int j = 0; j < kKeys; ++j) add_scaled(state.sums[r][i], values.quad(j, i), w[j]);
    }
  }
}

// The scores before the mask: lane l gets that of row l / 4 and key l % 4.
template <typename T, int QUADS>
__device__ __forceinline__ float score_keys(const float4 (&q)[kRows][QUADS],
                                            const KeyRows<T, QUADS>& keys, int lane) {
  float products[kWarpSize];
#pragma unroll
  for (int r = 0; r < kRows; ++r) {
#pragma unroll
    for (int j = 0; j < kKeys; ++j) {
      products[r * kKeys + j] = 0.0f;
#pragma unroll
      for (int i = 0; i < QUADS; ++i) products[r * kKeys + j] += dot(q[r][i], keys.quad(j, i));
    }
  }
  return sum_transposed(products, lane);
}

}  // namespace vmolmo::cuda
