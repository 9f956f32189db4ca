#include "native/kernels/cuda/rows.h"

#include "native/kernels/cuda/launch.cuh"

namespace vmolmo::cuda {
namespace {

constexpr int kThreads = 256;

__global__ void softmax_kernel(const float* x, float* y, int64_t n) {
  __shared__ float partial[kWarpSize];
  x += blockIdx.x * n;
  y += blockIdx.x * n;
  float top = -INFINITY;
  for (int64_t i = threadIdx.x; i < n; i += kThreads) top = fmaxf(top, x[i]);
  top = block_reduce(top, partial, Max{});
  float sum = 0.0f;
  for (int64_t i = threadIdx.x; i < n; i += kThreads) sum += expf(x[i] - top);
  sum = block_reduce(sum, partial, Sum{});
  for (int64_t i = threadIdx.x; i < n; i += kThreads) y[i] = expf(x[i] - top) / sum;
}

__global__ void scatter_add_kernel(float* x, const float* rows, const int32_t* index, int64_t count,
                                   int64_t width) {
  for (int64_t i = first_item(); i < count * width; i += item_step()) {
    const int64_t row = index[i / width];
    if (row >= 0) atomicAdd(x + row * width + i % width, rows[i]);
  }
}

template <typename T>
__global__ void rope_half_kernel(T* x, int64_t row_stride, int64_t head_stride, const float* cos,
                                 const float* sin, int64_t rows, int64_t heads, int64_t half) {
  for (int64_t i = first_item(); i < rows * heads * half; i += item_step()) {
    const int64_t channel = i % half, head = i / half % heads, row = i / half / heads;
    T* low = x + row * row_stride + head * head_stride + channel;
    const float a = load_float(low), b = load_float(low + half);
    const float c = cos[row * half + channel], s = sin[row * half + channel];
    store_float(low, a * c - b * s);
    store_float(low + half, b * c + a * s);
  }
}

template <typename T>
__global__ void rope_axial_kernel(T* x, int64_t batch_stride, int64_t row_stride, const float* cos,
                                  const float* sin, int64_t batch, int64_t rows, int64_t half,
                                  int64_t period) {
  for (int64_t i = first_item(); i < batch * rows * half; i += item_step()) {
    const int64_t pair = i % half, row = i / half % rows, b = i / half / rows;
    T* at = x + b * batch_stride + row * row_stride + 2 * pair;
    const float first = load_float(at), second = load_float(at + 1);
    const float c = cos[row % period * half + pair], s = sin[row % period * half + pair];
    store_float(at, first * c - second * s);
    store_float(at + 1, first * s + second * c);
  }
}

}  // namespace

void softmax(Stream stream, const float* x, float* y, int64_t rows, int64_t n) {
  launch(softmax_kernel, {static_cast<unsigned>(rows), kThreads, 0, stream}, x, y, n);
}

void scatter_add_rows(Stream stream, float* x, const float* rows, const int32_t* index,
                      int64_t count, int64_t width) {
  launch(scatter_add_kernel, {grid_for(count * width, kThreads), kThreads, 0, stream}, x, rows,
         index, count, width);
}

void rope_rotate_half(Stream stream, float* x, int64_t row_stride, int64_t head_stride,
                      const float* cos, const float* sin, int64_t rows, int64_t heads,
                      int64_t half) {
  launch(rope_half_kernel<float>, {grid_for(rows * heads * half, kThreads), kThreads, 0, stream}, x,
         row_stride, head_stride, cos, sin, rows, heads, half);
}

void rope_rotate_half(Stream stream, uint16_t* x, int64_t row_stride, int64_t head_stride,
                      const float* cos, const float* sin, int64_t rows, int64_t heads,
                      int64_t half) {
  launch(rope_half_kernel<__nv_bfloat16>,
         {grid_for(rows * heads * half, kThreads), kThreads, 0, stream},
         reinterpret_cast<__nv_bfloat16*>(x), row_stride, head_stride, cos, sin, rows, heads, half);
}

void rope_axial(Stream stream, float* x, int64_t batch_stride, int64_t row_stride, const float* cos,
                const float* sin, int64_t batch, int64_t rows, int64_t half, int64_t period) {
  launch(rope_axial_kernel<float>, {grid_for(batch * rows * half, kThreads), kThreads, 0, stream},
         x, batch_stride, row_stride, cos, sin, batch, rows, half, period);
}
void rope_axial(Stream stream, uint16_t* x, int64_t batch_stride, int64_t row_stride,
                const float* cos, const float* sin, int64_t batch, int64_t rows, int64_t half,
                int64_t period) {
  launch(rope_axial_kernel<__nv_bfloat16>,
         {grid_for(batch * rows * half, kThreads), kThreads, 0, stream},
         reinterpret_cast<__nv_bfloat16*>(x), batch_stride, row_stride, cos, sin, batch, rows, half,
         period);
}

}  // namespace vmolmo::cuda
