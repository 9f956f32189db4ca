#include "native/kernels/cuda/resize.h"

#include <algorithm>

#include "native/kernels/cuda/bilinear.cuh"
#include "native/kernels/cuda/resize_axis.cuh"

namespace vmolmo::cuda {
namespace {

constexpr int kThreads = 256;
constexpr int64_t kMostRows = 65535;  // of a grid

// Rows of blocks take rows of x.
template <typename Kind>
__global__ void axis_kernel(const typename Kind::Sample* x, int64_t stride, typename Kind::Out* y,
                            Taps<typename Kind::Value> taps, int64_t outer, int64_t row,
                            int64_t inner) {
  for (int64_t line = blockIdx.y; line < outer; line += gridDim.y) {
    for (int64_t i = first_item(); i < row; i += item_step()) {
      const uint32_t at = static_cast<uint32_t>(i) / static_cast<uint32_t>(inner);
      y[line * row + i] = weigh<Kind>(x + line * stride + (i - at * inner), inner, taps, at);
    }
  }
}

template <typename Kind>
void resize(Stream stream, const typename Kind::Sample* x, int64_t stride, typename Kind::Out* y,
            const Taps<typename Kind::Value>& taps, int64_t outer, int64_t out, int64_t inner) {
  const dim3 grid(grid_for(out * inner, kThreads),
                  static_cast<unsigned>(std::min(outer, kMostRows)));
  launch(axis_kernel<Kind>, {grid, kThreads, 0, stream}, x, stride, y, taps, outer, out * inner,
         inner);
}

// A block's threads go along an output line of out_w * c elements; blocks further on take its rest.
__global__ void bilinear_kernel(const float* x, float* y, int64_t lines, int64_t h, int64_t w,
                                int64_t c, int64_t out_h, int64_t out_w, float scale_y,
                                float scale_x) {
  const int64_t row = out_w * c;
  for (int64_t line = blockIdx.y; line < lines; line += gridDim.y) {
    const int64_t image = line / out_h;
    const LinearTap down(static_cast<int>(line - image * out_h), static_cast<int>(h), scale_y);
    const float* top = x + (image * h + down.low) * w * c;
    const float* bottom = x + (image * h + down.high) * w * c;
    for (int64_t i = first_item(); i < row; i += item_step()) {
      const auto column = static_cast<uint32_t>(i) / static_cast<uint32_t>(c);
      const int64_t channel = i - column * c;
      const LinearTap across(static_cast<int>(column), static_cast<int>(w), scale_x);
      const int64_t low = across.low * c + channel, high = across.high * c + channel;
      y[line * row + i] =
          down.mix(across.mix(top[low], top[high]), across.mix(bottom[low], bottom[high]));
    }
  }
}

struct CubicTap {
  int64_t index[4];
  float weight[4];
  __device__ static float near(float x) {
    constexpr float a = -0.75f;
    return ((a + 2.0f) * x - (a + 3.0f)) * x * x + 1.0f;
  }
  __device__ static float far(float x) {
    constexpr float a = -0.75f;
    return ((a * x - 5.0f * a) * x + 8.0f * a) * x - 4.0f * a;
  }
  __device__ CubicTap(int64_t i, int64_t in, float scale) {
    const float source = source_of(static_cast<int>(i), scale);
    const float base = floorf(source), t = source - base;
    for (int64_t j = 0; j < 4; ++j) {
      const int64_t at = static_cast<int64_t>(base) - 1 + j;
      index[j] = at < 0 ? 0 : at >= in ? in - 1 : at;
    }
    weight[0] = far(t + 1.0f);
    weight[1] = near(t);
    weight[2] = near(1.0f - t);
    weight[3] = far(2.0f - t);
  }
};

__global__ void bicubic_kernel(const float* x, float* y, int64_t h, int64_t w, int64_t c,
                               int64_t out_w, float scale_y, float scale_x, int64_t count) {
  for (int64_t i = first_item(); i < count; i += item_step()) {
    const int64_t channel = i % c, column = i / c % out_w, row = i / c / out_w;
    const CubicTap ty(row, h, scale_y), tx(column, w, scale_x);
    float sum = 0.0f;
    for (int j = 0; j < 4; ++j) {
      const float* line = x + ty.index[j] * w * c + channel;
      float across = 0.0f;
      for (int k = 0; k < 4; ++k) across += tx.weight[k] * line[tx.index[k] * c];
      sum += ty.weight[j] * across;
    }
    y[i] = sum;
  }
}

__global__ void nearest_kernel(const float* x, float* y, int64_t h, int64_t w, int64_t c,
                               int64_t count) {
  for (int64_t i = first_item(); i < count; i += item_step()) {
    const int64_t channel = i % c, column = i / c % (2 * w), row = i / c / (2 * w) % (2 * h);
    const int64_t image = i / c / (2 * w) / (2 * h);
    y[i] = x[((image * h + row / 2) * w + column / 2) * c + channel];
  }
}

float scale_of(int64_t in, int64_t out) { return static_cast<float>(in) / static_cast<float>(out); }

}  // namespace

void resize_axis(Stream stream, const float* x, int64_t stride, float* y, const Taps<float>& taps,
                 int64_t outer, int64_t out, int64_t inner) {
  resize<FromFloat>(stream, x, stride, y, taps, outer, out, inner);
}

void resize_axis_bytes(Stream stream, const uint8_t* x, int64_t stride, float* y,
                       const Taps<float>& taps, int64_t outer, int64_t out, int64_t inner) {
  resize<FromByte>(stream, x, stride, y, taps, outer, out, inner);
}

void resize_axis_pillow(Stream stream, const uint8_t* x, int64_t stride, uint8_t* y,
                        const Taps<int32_t>& taps, int64_t outer, int64_t out, int64_t inner) {
  resize<Pillow>(stream, x, stride, y, taps, outer, out, inner);
}

void resize_bilinear(Stream stream, const float* x, float* y, int64_t batch, int64_t h, int64_t w,
                     int64_t c, int64_t out_h, int64_t out_w) {
  const int64_t lines = batch * out_h;
  const dim3 grid(grid_for(out_w * c, kThreads), static_cast<unsigned>(std::min(lines, kMostRows)));
  launch(bilinear_kernel, {grid, kThreads, 0, stream}, x, y, lines, h, w, c, out_h, out_w,
         scale_of(h, out_h), scale_of(w, out_w));
}

void resize_bicubic(Stream stream, const float* x, float* y, int64_t h, int64_t w, int64_t c,
                    int64_t out_h, int64_t out_w) {
  const int64_t count = out_h * out_w * c;
  launch(bicubic_kernel, {grid_for(count, kThreads), kThreads, 0, stream}, x, y, h, w, c, out_w,
         scale_of(h, out_h), scale_of(w, out_w), count);
}

void upsample_nearest_2x(Stream stream, const float* x, float* y, int64_t batch, int64_t h,
                         int64_t w, int64_t c) {
  const int64_t count = batch * 4 * h * w * c;
  launch(nearest_kernel, {grid_for(count, kThreads), kThreads, 0, stream}, x, y, h, w, c, count);
}

}  // namespace vmolmo::cuda
