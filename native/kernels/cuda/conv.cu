#include "native/kernels/cuda/conv.h"

#include "native/kernels/cuda/activation.cuh"
#include "native/kernels/cuda/launch.cuh"

namespace vmolmo::cuda {
namespace {

constexpr int kThreads = 256;

// Output element i as pixel and channel.
struct Pixel {
  int64_t channel, x, y, image;
  __device__ Pixel(int64_t i, int64_t channels, int64_t width, int64_t height)
      : channel(i % channels),
        x(i / channels % width),
        y(i / channels / width % height),
        image(i / channels / width / height) {}
};

__global__ void conv2d_kernel(const float* x, const float* weight, const float* bias, float* y,
                              ConvShape s, Activation activation, int64_t count) {
  for (int64_t i = first_item(); i < count; i += item_step()) {
    const Pixel at(i, s.out, s.out_width, s.out_height);
    const int64_t top = at.y * s.stride - s.padding, left = at.x * s.stride - s.padding;
    const float* image = x + at.image * s.height * s.width * s.in;
    const float* kernel = weight + at.channel * s.in * s.kernel_h * s.kernel_w;
    float sum = bias ? bias[at.channel] : 0.0f;
    for (int64_t ky = 0; ky < s.kernel_h; ++ky) {
      if (top + ky < 0 || top + ky >= s.height) continue;
      for (int64_t kx = 0; kx < s.kernel_w; ++kx) {
        if (left + kx < 0 || left + kx >= s.width) continue;
        const float* pixel = image + ((top + ky) * s.width + left + kx) * s.in;
        for (int64_t c = 0; c < s.in; ++c) {
          sum += pixel[c] * kernel[(c * s.kernel_h + ky) * s.kernel_w + kx];
        }
      }
    }
    y[i] = activate(sum, activation);
  }
}

__global__ void depthwise_kernel(const float* x, const float* weight, const float* bias, float* y,
                                 ConvShape s, int64_t count) {
  for (int64_t i = first_item(); i < count; i += item_step()) {
    const Pixel at(i, s.out, s.out_width, s.out_height);
    const int64_t top = at.y - s.padding, left = at.x - s.padding;
    const float* image = x + at.image * s.height * s.width * s.in;
    float sum = bias ? bias[at.channel] : 0.0f;
    for (int64_t ky = 0; ky < s.kernel_h; ++ky) {
      if (top + ky < 0 || top + ky >= s.height) continue;
      for (int64_t kx = 0; kx < s.kernel_w; ++kx) {
        if (left + kx < 0 || left + kx >= s.width) continue;
        sum += image[((top + ky) * s.width + left + kx) * s.in + at.channel] *
               weight[(at.channel * s.kernel_h + ky) * s.kernel_w + kx];
      }
    }
    y[i] = sum;
  }
}

__global__ void transpose_kernel(const float* x, const float* weight, const float* bias, float* y,
                                 int64_t h, int64_t w, int64_t in, int64_t out, int64_t count) {
  for (int64_t i = first_item(); i < count; i += item_step()) {
    const Pixel at(i, out, 2 * w, 2 * h);
    const float* pixel = x + ((at.image * h + at.y / 2) * w + at.x / 2) * in;
    const int64_t corner = at.y % 2 * 2 + at.x % 2;
    float sum = bias ? bias[at.channel] : 0.0f;
    for (int64_t c = 0; c < in; ++c) {
      sum += pixel[c] * weight[(c * out + at.channel) * 4 + corner];
    }
    y[i] = sum;
  }
}

template <typename T>
__global__ void max_pool_kernel(const T* x, T* y, int64_t h, int64_t w, int64_t c, int64_t count) {
  for (int64_t i = first_item(); i < count; i += item_step()) {
    const Pixel at(i, c, w / 2, h / 2);
    const T* top = x + ((at.image * h + 2 * at.y) * w + 2 * at.x) * c + at.channel;
    const T* bottom = top + w * c;
    store_float(y + i, fmaxf(fmaxf(load_float(top), load_float(top + c)),
                             fmaxf(load_float(bottom), load_float(bottom + c))));
  }
}

}  // namespace

void conv2d(Stream stream, const float* x, const float* weight, const float* bias, float* y,
            const ConvShape& shape, Activation activation) {
  const int64_t count = shape.batch * shape.out_height * shape.out_width * shape.out;
  launch(conv2d_kernel, {grid_for(count, kThreads), kThreads, 0, stream}, x, weight, bias, y, shape,
         activation, count);
}

void conv2d_depthwise(Stream stream, const float* x, const float* weight, const float* bias,
                      float* y, const ConvShape& shape) {
  const int64_t count = shape.batch * shape.out_height * shape.out_width * shape.out;
  launch(depthwise_kernel, {grid_for(count, kThreads), kThreads, 0, stream}, x, weight, bias, y,
         shape, count);
}

void conv_transpose_2x2(Stream stream, const float* x, const float* weight, const float* bias,
                        float* y, int64_t batch, int64_t h, int64_t w, int64_t in, int64_t out) {
  const int64_t count = batch * 4 * h * w * out;
  launch(transpose_kernel, {grid_for(count, kThreads), kThreads, 0, stream}, x, weight, bias, y, h,
         w, in, out, count);
}

void max_pool_2x2(Stream stream, const float* x, float* y, int64_t batch, int64_t h, int64_t w,
                  int64_t c) {
  const int64_t count = batch * (h / 2) * (w / 2) * c;
  launch(max_pool_kernel<float>, {grid_for(count, kThreads), kThreads, 0, stream}, x, y, h, w, c,
         count);
}
void max_pool_2x2(Stream stream, const uint16_t* x, uint16_t* y, int64_t batch, int64_t h,
                  int64_t w, int64_t c) {
  const int64_t count = batch * (h / 2) * (w / 2) * c;
  launch(max_pool_kernel<__nv_bfloat16>, {grid_for(count, kThreads), kThreads, 0, stream},
         reinterpret_cast<const __nv_bfloat16*>(x), reinterpret_cast<__nv_bfloat16*>(y), h, w, c,
         count);
}

}  // namespace vmolmo::cuda
