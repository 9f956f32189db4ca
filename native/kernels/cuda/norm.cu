#include "native/kernels/cuda/norm.h"

#include "native/kernels/cuda/launch.cuh"

namespace vmolmo::cuda {
namespace {

constexpr int kThreads = 256;

// One row per block.
__global__ void rms_norm_kernel(const float* x, const float* weight, float* y, int64_t n,
                                float eps) {
  __shared__ float partial[kWarpSize];
  x += blockIdx.x * n;
  y += blockIdx.x * n;
  float square = 0.0f;
  for (int64_t i = threadIdx.x; i < n; i += kThreads) square += x[i] * x[i];
  square = block_reduce(square, partial, Sum{});
  const float inverse = 1.0f / sqrtf(square / static_cast<float>(n) + eps);
  for (int64_t i = threadIdx.x; i < n; i += kThreads) y[i] = weight[i] * (x[i] * inverse);
}

// Two passes, as the variance of a difference of large sums would lose its digits.
__global__ void layer_norm_kernel(const float* x, const float* weight, const float* bias, float* y,
                                  int64_t n, float eps) {
  __shared__ float partial[kWarpSize];
  x += blockIdx.x * n;
  y += blockIdx.x * n;
  float sum = 0.0f;
  for (int64_t i = threadIdx.x; i < n; i += kThreads) sum += x[i];
  const float mean = block_reduce(sum, partial, Sum{}) / static_cast<float>(n);
  float square = 0.0f;
  for (int64_t i = threadIdx.x; i < n; i += kThreads) square += (x[i] - mean) * (x[i] - mean);
  const float variance = block_reduce(square, partial, Sum{}) / static_cast<float>(n);
  const float inverse = 1.0f / sqrtf(variance + eps);
  for (int64_t i = threadIdx.x; i < n; i += kThreads) {
    y[i] = (x[i] - mean) * inverse * weight[i] + (bias ? bias[i] : 0.0f);
  }
}

}  // namespace

void rms_norm(Stream stream, const float* x, const float* weight, float* y, int64_t rows, int64_t n,
              float eps) {
  launch(rms_norm_kernel, {dim3(static_cast<unsigned>(rows)), kThreads, 0, stream}, x, weight, y, n,
         eps);
}

void layer_norm(Stream stream, const float* x, const float* weight, const float* bias, float* y,
                int64_t rows, int64_t n, float eps) {
  launch(layer_norm_kernel, {dim3(static_cast<unsigned>(rows)), kThreads, 0, stream}, x, weight,
         bias, y, n, eps);
}

}  // namespace vmolmo::cuda
