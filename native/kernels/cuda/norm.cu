#include "native/kernels/cuda/norm.h"

#include "native/kernels/cuda/tile.cuh"

namespace vmolmo::cuda {
namespace {

constexpr int kThreads = 256;
constexpr int kHeld = 8;  // pieces of four elements that a thread keeps of its row

struct Problem {
  const float *x, *weight, *bias;  // bias: of layer_norm, or null
  int64_t rows, n;
  float eps;
};

// layer_norm with the mean taken off (CENTRED), rms_norm without. The variance is summed over
// differences: that of a difference of large sums would lose its digits.
template <bool CENTRED>
__device__ __forceinline__ float normalised(float x, float mean, float inverse, float weight,
                                            float bias) {
  if constexpr (CENTRED) return (x - mean) * inverse * weight + bias;
  return weight * (x * inverse);
}

// One row per block, of any length and alignment.
template <bool CENTRED, typename T>
__global__ void norm_kernel(const Problem p, T* y) {
  __shared__ float partial[kWarpSize];
  const float* x = p.x + blockIdx.x * p.n;
  y += blockIdx.x * p.n;
  float mean = 0.0f;
  if constexpr (CENTRED) {
    float sum = 0.0f;
    for (int64_t i = threadIdx.x; i < p.n; i += kThreads) sum += x[i];
    mean = block_reduce(sum, partial, Sum{}) / static_cast<float>(p.n);
  }
  float square = 0.0f;
  for (int64_t i = threadIdx.x; i < p.n; i += kThreads) square += (x[i] - mean) * (x[i] - mean);
  square = block_reduce(square, partial, Sum{});
  const float inverse = 1.0f / sqrtf(square / static_cast<float>(p.n) + p.eps);
  for (int64_t i = threadIdx.x; i < p.n; i += kThreads) {
    const float bias = p.bias ? p.bias[i] : 0.0f;
    store_float(y + i, normalised<CENTRED>(x[i], mean, inverse, p.weight[i], bias));
  }
}

__device__ __forceinline__ void store_four(float* to, const float (&v)[4]) {
  *reinterpret_cast<float4*>(to) = make_float4(v[0], v[1], v[2], v[3]);
}
__device__ __forceinline__ void store_four(__nv_bfloat16* to, const float (&v)[4]) {
  *reinterpret_cast<uint2*>(to) = make_uint2(pack_bf16(v[0], v[1]), pack_bf16(v[2], v[3]));
}

template <int LANES>
__device__ __forceinline__ float row_sum(float value, float* partial) {
  if constexpr (LANES == kWarpSize) return warp_reduce(value, Sum{});
  return block_reduce(value, partial, Sum{});
}

// A warp or a block per row, which is read once and kept in registers.
template <bool CENTRED, int LANES, typename T>
__global__ void __launch_bounds__(kThreads) held_kernel(const Problem p, T* y) {
  __shared__ float partial[kWarpSize];
  const int lane = static_cast<int>(threadIdx.x) % LANES;
  const int64_t row =
      int64_t{blockIdx.x} * (kThreads / LANES) + static_cast<int>(threadIdx.x) / LANES;
  if (row >= p.rows) return;  // of a whole warp; a block per row has no such rows
  const auto* x = reinterpret_cast<const float4*>(p.x + row * p.n);
  const int pieces = static_cast<int>(p.n / 4);
  const auto count = static_cast<float>(p.n);
  float held[kHeld][4];
  float sum = 0.0f;
#pragma unroll
  for (int i = 0; i < kHeld; ++i) {
    const int at = lane + i * LANES;
    const float4 v = at < pieces ? x[at] : make_float4(0.0f, 0.0f, 0.0f, 0.0f);
    held[i][0] = v.x, held[i][1] = v.y, held[i][2] = v.z, held[i][3] = v.w;
    sum += (v.x + v.y) + (v.z + v.w);
  }
  const float mean = CENTRED ? row_sum<LANES>(sum, partial) / count : 0.0f;
  float square = 0.0f;
#pragma unroll
  for (int i = 0; i < kHeld; ++i) {
    if (lane + i * LANES >= pieces) break;
#pragma unroll
    for (int j = 0; j < 4; ++j) square += (held[i][j] - mean) * (held[i][j] - mean);
  }
  square = row_sum<LANES>(square, partial);
  const float inverse = 1.0f / sqrtf(square / count + p.eps);
#pragma unroll
  for (int i = 0; i < kHeld; ++i) {
    const int at = lane + i * LANES;
    if (at >= pieces) break;
    const float4 w = reinterpret_cast<const float4*>(p.weight)[at];
    const float4 b =
        p.bias ? reinterpret_cast<const float4*>(p.bias)[at] : make_float4(0.0f, 0.0f, 0.0f, 0.0f);
    const float v[4] = {normalised<CENTRED>(held[i][0], mean, inverse, w.x, b.x),
                        normalised<CENTRED>(held[i][1], mean, inverse, w.y, b.y),
                        normalised<CENTRED>(held[i][2], mean, inverse, w.z, b.z),
                        normalised<CENTRED>(held[i][3], mean, inverse, w.w, b.w)};
    store_four(y + row * p.n + at * 4, v);
  }
}

template <bool CENTRED, int LANES, typename T>
void launch_held(Stream stream, const Problem& p, T* y) {
  const auto blocks = static_cast<unsigned>(ceil_div(p.rows, kThreads / LANES));
  launch(held_kernel<CENTRED, LANES, T>, {dim3(blocks), kThreads, 0, stream}, p, y);
}

template <bool CENTRED, typename T>
void launch_norm(Stream stream, const Problem& p, T* y) {
  const auto fits = [](const void* data, size_t bytes) {
    return reinterpret_cast<uintptr_t>(data) % bytes == 0;
  };
  const bool pieces = p.n % 4 == 0 && fits(p.x, 16) && fits(p.weight, 16) && fits(p.bias, 16) &&
                      fits(y, 4 * sizeof(T));
  if (pieces && p.n <= 4 * kHeld * kWarpSize) return launch_held<CENTRED, kWarpSize>(stream, p, y);
  if (pieces && p.n <= 4 * kHeld * kThreads) return launch_held<CENTRED, kThreads>(stream, p, y);
  launch(norm_kernel<CENTRED, T>, {dim3(static_cast<unsigned>(p.rows)), kThreads, 0, stream}, p, y);
}

__nv_bfloat16* as_bf16(uint16_t* bits) { return reinterpret_cast<__nv_bfloat16*>(bits); }

}  // namespace

void rms_norm(Stream stream, const float* x, const float* weight, float* y, int64_t rows, int64_t n,
              float eps) {
  launch_norm<false>(stream, {x, weight, nullptr, rows, n, eps}, y);
}
void rms_norm(Stream stream, const float* x, const float* weight, uint16_t* y, int64_t rows,
              int64_t n, float eps) {
  launch_norm<false>(stream, {x, weight, nullptr, rows, n, eps}, as_bf16(y));
}

void layer_norm(Stream stream, const float* x, const float* weight, const float* bias, float* y,
                int64_t rows, int64_t n, float eps) {
  launch_norm<true>(stream, {x, weight, bias, rows, n, eps}, y);
}
void layer_norm(Stream stream, const float* x, const float* weight, const float* bias, uint16_t* y,
                int64_t rows, int64_t n, float eps) {
  launch_norm<true>(stream, {x, weight, bias, rows, n, eps}, as_bf16(y));
}

}  // namespace vmolmo::cuda
