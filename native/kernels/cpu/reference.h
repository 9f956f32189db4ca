#pragma once

#include <cstdint>
#include <vector>

#include "native/kernels/cpu/boundary.h"
#include "native/tensor/activation.h"

// The simplest correct version of every kernel: single-threaded, contiguous, sums in double. The
// fast kernels are tested against these; nothing else calls them.
namespace vmolmo::reference {

// y [m, n] = x [m, k] w^T (w [n, k]) + bias (may be null).
void linear(const float* x, const float* w, const float* bias, float* y, int64_t m, int64_t n,
            int64_t k);

// What attention adds and hides beyond causality; either may be null.
struct AttentionMask {
  const float* bias = nullptr;       // [nq, nk], added to the scaled scores
  const int32_t* classes = nullptr;  // [nk]: keys of one class >= 0 see each other
};
// q [nq, d], k [nk, d], v [nk, dv] -> out [nq, dv]. causal: query i sees keys 0 .. offset + i, and
// with classes those of the key offset + i's class. Zeros where a query sees nothing.
void attention(const float* q, const float* k, const float* v, float* out, int64_t nq, int64_t nk,
               int64_t d, int64_t dv, float scale, bool causal, int64_t offset,
               const AttentionMask& mask = {});

void softmax(const float* x, float* y, int64_t rows, int64_t n);
void layer_norm(const float* x, const float* weight, const float* bias, float* y, int64_t rows,
                int64_t n, float eps);
void rms_norm(const float* x, const float* weight, float* y, int64_t rows, int64_t n, float eps);
float activate(float x, Activation activation);

struct ConvShape {
  int64_t batch, height, width, in, out, kernel_h, kernel_w, stride, padding;
  int64_t out_height() const { return (height + 2 * padding - kernel_h) / stride + 1; }
  int64_t out_width() const { return (width + 2 * padding - kernel_w) / stride + 1; }
};
// NHWC x, weight [out, in, kh, kw], bias may be null.
void conv2d(const float* x, const float* weight, const float* bias, float* y,
            const ConvShape& shape);
// weight [c, 1, kh, kw]; shape.in == shape.out == c.
void conv2d_depthwise(const float* x, const float* weight, const float* bias, float* y,
                      const ConvShape& shape);
// x [batch, h, w, in], weight [in, out, 2, 2] -> [batch, 2h, 2w, out].
void conv_transpose_2x2(const float* x, const float* weight, const float* bias, float* y,
                        int64_t batch, int64_t h, int64_t w, int64_t in, int64_t out);

// Flood fill in scan order; labels 1 .. count; areas per label.
std::vector<int64_t> connected_components(const uint8_t* mask, int32_t* labels, int64_t h,
                                          int64_t w, int connectivity);

// Every pixel of the mask against every pixel of its rim; -1 outside the mask.
void rim_distances(const uint8_t* mask, int32_t* squared, int64_t h, int64_t w);

// The counts behind J and F, by their definitions (see kernels/cpu/boundary.h).
void boundary_map(const uint8_t* mask, const uint8_t* ignored, uint8_t* map, int64_t h, int64_t w);
cpu::MaskComparison compare_masks(const uint8_t* truth, const uint8_t* predicted,
                                  const uint8_t* ignored, int64_t h, int64_t w, int64_t radius);

}  // namespace vmolmo::reference
