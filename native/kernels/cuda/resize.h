#pragma once

#include <cstdint>

#include "native/kernels/cuda/stream.h"

namespace vmolmo::cuda {

// Taps of one axis, in device memory: output i is the sum over t < count[i] of
// weights[offset[i] + t] * input[first[i] + t].
template <typename Value>
struct Taps {
  const int32_t* first = nullptr;
  const int32_t* count = nullptr;
  const int32_t* offset = nullptr;
  const Value* weights = nullptr;
};

// x [outer, in, inner] -> y [outer, out, inner]; rows of x lie `stride` elements apart. out * inner
// fits into 32 bits.
void resize_axis(Stream stream, const float* x, int64_t stride, float* y, const Taps<float>& taps,
                 int64_t outer, int64_t out, int64_t inner);
// The same from bytes, as byte / 255. Without taps (all null) the axis keeps its length.
void resize_axis_bytes(Stream stream, const uint8_t* x, int64_t stride, float* y,
                       const Taps<float>& taps, int64_t outer, int64_t out, int64_t inner);
// Pillow's: bytes to bytes, weights with 22 fractional bits.
void resize_axis_pillow(Stream stream, const uint8_t* x, int64_t stride, uint8_t* y,
                        const Taps<int32_t>& taps, int64_t outer, int64_t out, int64_t inner);

// x [batch, h, w, c] -> y [batch, out_h, out_w, c], half-pixel centres.
void resize_bilinear(Stream stream, const float* x, float* y, int64_t batch, int64_t h, int64_t w,
                     int64_t c, int64_t out_h, int64_t out_w);
// One picture, A = -0.75, border taps clamped.
void resize_bicubic(Stream stream, const float* x, float* y, int64_t h, int64_t w, int64_t c,
                    int64_t out_h, int64_t out_w);
void upsample_nearest_2x(Stream stream, const float* x, float* y, int64_t batch, int64_t h,
                         int64_t w, int64_t c);

}  // namespace vmolmo::cuda
