#pragma once

#include "native/kernels/cuda/activation.cuh"
#include "native/kernels/cuda/gemm_tensor.h"
#include "native/kernels/cuda/row_map.cuh"
#include "native/kernels/cuda/tile.cuh"

// What becomes of the sums of a product: bias, activation, residual, rounding, the way to memory.
namespace vmolmo::cuda {

// What is special about a product.
enum class Form : uint8_t { kPlain, kMappedX, kMappedY, kGated };

struct GemmArguments {
  TensorGemm p;
  float* partials;  // [splits, m, n], null when k is not split
  int64_t k_part;   // multiple of kStep
  int tiles_m, tiles_n;
  bool x_aligned, w_aligned;
  bool quads;  // y, bias and residual (or the partials) take four columns at a time
};

inline bool quads_fit(const TensorGemm& p, bool partials) {
  const RowMap& map = p.y_map;
  const int64_t steps = map.columns > 0 ? map.column_step | map.line_step | map.image_step |
                                              map.run | map.run_step | p.residual_image_step
                                        : p.ldy | (p.residual ? p.ldr : 0);
  const auto fits = [](const void* data, size_t bytes) {
    return reinterpret_cast<uintptr_t>(data) % bytes == 0;
  };
  if (partials) return p.n % 4 == 0;
  return steps % 4 == 0 && fits(p.y, 16) && fits(p.y_bf16, 8) && fits(p.bias, 16) &&
         fits(p.residual, 16);
}

__device__ __forceinline__ float finish(const TensorGemm& p, float sum, float bias,
                                        float residual) {
  if (p.activate_last) return activate(sum + bias + residual, p.activation);
  return activate(sum + bias, p.activation) + residual;
}

// Elements `at` of y and `residual_at` of the residual, of a column.
__device__ __forceinline__ void store_one(const TensorGemm& p, float sum, int64_t column,
                                          int64_t at, int64_t residual_at) {
  const float bias = p.bias ? p.bias[column] : 0.0f;
  const float value = finish(p, sum, bias, p.residual ? p.residual[residual_at] : 0.0f);
  if (p.y_bf16) {
    p.y_bf16[at] = __bfloat16_as_ushort(__float2bfloat16(value));
  } else {
    p.y[at] = value;
  }
}

__device__ __forceinline__ float4 load_quad(const float* from) {
  return from ? *reinterpret_cast<const float4*>(from) : make_float4(0.0f, 0.0f, 0.0f, 0.0f);
}

// The same for four neighbouring columns.
__device__ __forceinline__ void store_four(const TensorGemm& p, const float4& sum, int64_t column,
                                           int64_t at, int64_t residual_at) {
  const float4 bias = load_quad(p.bias ? p.bias + column : nullptr);
  const float4 residual = load_quad(p.residual ? p.residual + residual_at : nullptr);
  const float4 v =
      make_float4(finish(p, sum.x, bias.x, residual.x), finish(p, sum.y, bias.y, residual.y),
                  finish(p, sum.z, bias.z, residual.z), finish(p, sum.w, bias.w, residual.w));
  if (p.y_bf16) {
    *reinterpret_cast<uint2*>(p.y_bf16 + at) = make_uint2(pack_bf16(v.x, v.y), pack_bf16(v.z, v.w));
  } else {
    *reinterpret_cast<float4*>(p.y + at) = v;
  }
}

// Four neighbouring sums of one row, or as many as lie inside, to the partials.
__device__ __forceinline__ void store_part(const GemmArguments& a, const float4& quad, int64_t row,
                                           int64_t column) {
  float* part = a.partials + (blockIdx.z * a.p.m + row) * a.p.n + column;
  if (a.quads && column + 4 <= a.p.n) {
    *reinterpret_cast<float4*>(part) = quad;
    return;
  }
  const float v[4] = {quad.x, quad.y, quad.z, quad.w};
#pragma unroll
  for (int i = 0; i < 4; ++i)
    if (column + i < a.p.n) part[i] = v[i];
}

// The same to y.
template <Form FORM>
__device__ __forceinline__ void store_quad(const GemmArguments& a, const float4& quad, int64_t row,
                                           int64_t column) {
  const TensorGemm& p = a.p;
  if (row >= p.m || column >= p.n) return;
  if (a.partials) return store_part(a, quad, row, column);
  int64_t at = row * p.ldy + column, residual_at = row * p.ldr + column;
  if constexpr (FORM == Form::kMappedY) {
    const int64_t offset = element_offset(p.y_map, column);
    at = row_start(p.y_map, row, p.y_map.image_step) + offset;
    residual_at = row_start(p.y_map, row, p.residual_image_step) + offset;
  }
  if (a.quads && column + 4 <= p.n) return store_four(p, quad, column, at, residual_at);
  const float v[4] = {quad.x, quad.y, quad.z, quad.w};
#pragma unroll
  for (int i = 0; i < 4; ++i)
    if (column + i < p.n) store_one(p, v[i], column + i, at + i, residual_at + i);
}

// 16 rows of a warp's sums through its own part of shared memory, so that whole lines are written.
template <Form FORM, int N>
__device__ __forceinline__ void store_rows(const GemmArguments& arguments,
                                           const float (&sums)[N][4], float* staging, int64_t row,
                                           int64_t column, int lane) {
  constexpr int kPitch = N * 8 + 8;
  float* own = staging + lane / 4 * kPitch + lane % 4 * 2;
  __syncwarp();
#pragma unroll
  for (int j = 0; j < N; ++j) {
    *reinterpret_cast<float2*>(own + j * 8) = make_float2(sums[j][0], sums[j][1]);
    *reinterpret_cast<float2*>(own + 8 * kPitch + j * 8) = make_float2(sums[j][2], sums[j][3]);
  }
  __syncwarp();
#pragma unroll 1
  for (int at = lane; at < 16 * N * 2; at += kWarpSize) {
    const int r = at / (N * 2), c = at % (N * 2) * 4;
    store_quad<FORM>(arguments, *reinterpret_cast<const float4*>(staging + r * kPitch + c), row + r,
                     column + c);
  }
}

// The sums of up and gate, which lie side by side, become y's in the first half of the array.
template <int N>
__device__ __forceinline__ void gate(float (&sums)[N][4], float (&gated)[N / 2][4]) {
#pragma unroll
  for (int j = 0; j < N / 2; ++j) {
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const float g = sums[2 * j + 1][i];
      gated[j][i] = sums[2 * j][i] * (g * sigmoid(g));
    }
  }
}

}  // namespace vmolmo::cuda
