#pragma once

#include <cstdint>

#include "native/kernels/cuda/stream.h"
#include "native/tensor/activation.h"

// NHWC, f32, straight from the definition: every thread makes output elements of its own. bias may
// be null.
namespace vmolmo::cuda {

struct ConvShape {
  int64_t batch = 0, height = 0, width = 0, in = 0, out = 0;
  int64_t kernel_h = 0, kernel_w = 0, stride = 1, padding = 0;
  int64_t out_height = 0, out_width = 0;
};

// weight [out, in, kh, kw].
void conv2d(Stream stream, const float* x, const float* weight, const float* bias, float* y,
            const ConvShape& shape, Activation activation);
// weight [c, 1, kh, kw].
void conv2d_depthwise(Stream stream, const float* x, const float* weight, const float* bias,
                      float* y, const ConvShape& shape);
// x [batch, h, w, in], weight [in, out, 2, 2] -> y [batch, 2h, 2w, out].
void conv_transpose_2x2(Stream stream, const float* x, const float* weight, const float* bias,
                        float* y, int64_t batch, int64_t h, int64_t w, int64_t in, int64_t out);
// x [batch, h, w, c] -> y [batch, h / 2, w / 2, c].
void max_pool_2x2(Stream stream, const float* x, float* y, int64_t batch, int64_t h, int64_t w,
                  int64_t c);
// Of bf16 bits.
void max_pool_2x2(Stream stream, const uint16_t* x, uint16_t* y, int64_t batch, int64_t h,
                  int64_t w, int64_t c);

}  // namespace vmolmo::cuda
