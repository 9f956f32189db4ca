#include "native/kernels/cuda/gemm_simple.h"

#include "native/kernels/cuda/activation.cuh"
#include "native/kernels/cuda/launch.cuh"

namespace vmolmo::cuda {
namespace {

// A block makes a 64x64 tile of y from 16 columns of both operands at a time; each of its 256
// threads owns the 4x4 elements at rows ty + 16 i and columns tx + 16 j.
constexpr int kTile = 64, kDepth = 16, kThreads = 256, kSide = 16, kOwn = kTile / kSide;
constexpr int kPitch = kTile + 1;

using Kind = SimpleGemm::Weight;

// Element (row, k) of the weight as float.
template <Kind kKind>
__device__ __forceinline__ float weight_at(const SimpleGemm& p, int64_t batch, int64_t row,
                                           int64_t k) {
  const int64_t begin = batch * p.batch_w;
  if constexpr (kKind == Kind::kF32) {
    return static_cast<const float*>(p.w)[begin + row * p.ldw + k];
  } else if constexpr (kKind == Kind::kBF16) {
    return load_float(static_cast<const __nv_bfloat16*>(p.w) + begin + row * p.ldw + k);
  } else if constexpr (kKind == Kind::kF32KMajor) {
    return static_cast<const float*>(p.w)[begin + k * p.ldw + row];
  } else if constexpr (kKind == Kind::kInt8) {
    const int8_t code = static_cast<const int8_t*>(p.w)[row * p.ldw + k];
    return static_cast<float>(code) * p.scales[row * p.scale_stride];
  } else {
    // Bytes of 32 elements: the first 16 in the low nibbles, the others in the high ones.
    const uint8_t byte = static_cast<const uint8_t*>(p.w)[row * p.ldw + k / 32 * 16 + k % 16];
    const int code = k % 32 < 16 ? byte & 15 : byte >> 4;
    const float scale = p.scales[row * p.scale_stride + k / p.group];
    if constexpr (kKind == Kind::kInt4) return static_cast<float>(code - 8) * scale;
    constexpr float kMagnitudes[8] = {0.0f, 5.208333333e-03f, 0.66666667f, 1.0f, 0.33333333f,
                                      0.5f, 0.16666667f,      0.25f};
    const float magnitude = kMagnitudes[code & 7];
    return (code & 8 ? -magnitude : magnitude) * scale;
  }
}

template <Kind kKind>
__global__ void gemm_kernel(SimpleGemm p) {
  float* tile_x = dynamic_shared<float>();  // [kDepth][kPitch]
  float* tile_w = tile_x + kDepth * kPitch;
  const int t = static_cast<int>(threadIdx.x), tx = t % kSide, ty = t / kSide;
  const int64_t row0 = static_cast<int64_t>(blockIdx.y) * kTile;
  const int64_t column0 = static_cast<int64_t>(blockIdx.x) * kTile;
  const float* x = p.x + blockIdx.z * p.batch_x;
  constexpr bool kKMajor = kKind == Kind::kF32KMajor;
  float sum[kOwn][kOwn] = {};
  for (int64_t k0 = 0; k0 < p.k; k0 += kDepth) {
    for (int i = t; i < kTile * kDepth; i += kThreads) {
      const int row = i / kDepth, k = i % kDepth;
      const bool inside = row0 + row < p.m && k0 + k < p.k;
      tile_x[k * kPitch + row] = inside ? x[(row0 + row) * p.ldx + k0 + k] : 0.0f;
      const int wk = kKMajor ? i / kTile : k, column = kKMajor ? i % kTile : row;
      const bool w_inside = column0 + column < p.n && k0 + wk < p.k;
      tile_w[wk * kPitch + column] =
          w_inside ? weight_at<kKind>(p, blockIdx.z, column0 + column, k0 + wk) : 0.0f;
    }
    __syncthreads();
    for (int k = 0; k < kDepth; ++k) {
      float a[kOwn], b[kOwn];
#pragma unroll
      for (int i = 0; i < kOwn; ++i) {
        a[i] = tile_x[k * kPitch + ty + kSide * i];
        b[i] = tile_w[k * kPitch + tx + kSide * i];
      }
#pragma unroll
      for (int i = 0; i < kOwn; ++i) {
#pragma unroll
        for (int j = 0; j < kOwn; ++j) sum[i][j] += a[i] * b[j];
      }
    }
    __syncthreads();
  }
  float* y = p.y + blockIdx.z * p.batch_y;
  for (int i = 0; i < kOwn; ++i) {
    const int64_t row = row0 + ty + kSide * i;
    for (int j = 0; j < kOwn; ++j) {
      const int64_t column = column0 + tx + kSide * j;
      if (row >= p.m || column >= p.n) continue;
      float value = activate(sum[i][j] + (p.bias ? p.bias[column] : 0.0f), p.activation);
      if (p.residual) value += p.residual[row * p.ldr + column];
      y[row * p.ldy + column] = value;
    }
  }
}

}  // namespace

void gemm_simple(Stream stream, const SimpleGemm& problem) {
  const dim3 grid(static_cast<unsigned>(ceil_div(problem.n, kTile)),
                  static_cast<unsigned>(ceil_div(problem.m, kTile)),
                  static_cast<unsigned>(problem.batch));
  const LaunchShape shape{grid, kThreads, 2 * kDepth * kPitch * sizeof(float), stream};
  switch (problem.weight) {
    case Kind::kF32:
      return launch(gemm_kernel<Kind::kF32>, shape, problem);
    case Kind::kBF16:
      return launch(gemm_kernel<Kind::kBF16>, shape, problem);
    case Kind::kF32KMajor:
      return launch(gemm_kernel<Kind::kF32KMajor>, shape, problem);
    case Kind::kInt8:
      return launch(gemm_kernel<Kind::kInt8>, shape, problem);
    case Kind::kInt4:
      return launch(gemm_kernel<Kind::kInt4>, shape, problem);
    case Kind::kFp4:
      return launch(gemm_kernel<Kind::kFp4>, shape, problem);
  }
}

}  // namespace vmolmo::cuda
