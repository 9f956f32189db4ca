#pragma once

#include <cstdint>

#include "native/kernels/cpu/kernels.h"

// Loops over elements, pixels and rows in which every result is rounded by itself: sums are not
// contracted and not reordered, so that all instruction sets, and all ways of cutting the work,
// give the same bits. One table per instruction set, compiled from loops/*.inc; like the tables of
// kernels.h they are single-threaded, allocate nothing and trust their caller.
namespace vmolmo::cpu {

// Output i of an axis is the sum over t < count[i] of weights[offset[i] + t] * input[first[i] + t].
template <typename Value>
struct Taps {
  const int64_t* first;
  const int64_t* count;
  const int64_t* offset;
  const Value* weights;
};

// Output i of an axis lies between the inputs low[i] and high[i]; `weight` is that of the second.
struct LinearTaps {
  const int32_t* low;
  const int32_t* high;
  const float* weight;
};

struct CubicTap {
  int64_t index[4];
  float weight[4];
};

struct Loops {
  // Elements. Results may be one of the operands.
  void (*add)(const float* a, const float* b, float scale, float* out, int64_t n);  // a + scale * b
  void (*multiply)(const float* a, const float* b, float* out, int64_t n);
  void (*affine)(const float* x, float scale, float shift, float* out, int64_t n);
  void (*scale)(const float* x, float factor, float* out, int64_t n);
  void (*lerp)(const float* from, const float* to, float weight, float* out, int64_t n);
  void (*clamp)(const float* x, float low, float high, float* out, int64_t n);
  // 1 above the threshold, or where `inclusive` at it, else 0.
  void (*step)(const float* x, float threshold, bool inclusive, float* out, int64_t n);
  void (*round_to_bf16)(const float* x, float* out, int64_t n);
  void (*narrow)(const float* x, uint16_t* bits, int64_t n);
  void (*widen)(const uint16_t* bits, float* out, int64_t n);

  // Masks: bytes, zero or not; made ones are 0 and 1.
  void (*above)(const float* x, float threshold, uint8_t* mask, int64_t n);
  void (*at_most)(const float* x, float threshold, uint8_t* mask, int64_t n);
  int64_t (*count_above)(const float* x, float threshold, int64_t n);
  void (*mask_to_float)(const uint8_t* mask, float* out, int64_t n);
  // Of `objects` maps that lie `stride` apart, n pixels each: where an object's logit is not the
  // pixel's greatest (the first of equal ones), it becomes at most `limit`.
  void (*suppress_overlap)(float* logits, int64_t objects, int64_t stride, int64_t n, float limit);

  // Rows of a resize; `c` channels a pixel.
  void (*bytes_to_unit)(const uint8_t* x, float* out, int64_t n);  // x / 255
  void (*resample)(const float* row, const Taps<float>& taps, int64_t pixels, int64_t c,
                   float* out);
  void (*resample_bytes)(const uint8_t* row, const Taps<float>& taps, int64_t pixels, int64_t c,
                         float* out);  // of x / 255
  void (*bilinear)(const float* top, const float* bottom, float weight, const LinearTaps& taps,
                   int64_t pixels, int64_t c, float* out);
  void (*bicubic)(const float* const rows[4], const float weights[4], const CubicTap* taps,
                  int64_t pixels, int64_t c, float* out);
  // Pillow's fixed point of `bits` bits.
  void (*resample_fixed)(const uint8_t* row, const Taps<int32_t>& taps, int bits, int64_t pixels,
                         int64_t c, uint8_t* out);
  void (*add_bytes)(const uint8_t* x, int32_t weight, int32_t* sums, int64_t n);
  void (*round_fixed)(const int32_t* sums, int bits, uint8_t* out, int64_t n);

  // One row of output pixels from two of input pixels, c channels: the greatest of each 2x2.
  void (*max_pool_row)(const float* top, const float* bottom, int64_t pixels, int64_t c,
                       float* out);

  // One head of a row turned by the position's angles: element i with element half + i, or 2 i with
  // 2 i + 1.
  void (*rotate_halves)(float* x, const float* cosines, const float* sines, int64_t half);
  void (*rotate_pairs)(float* x, const float* cosines, const float* sines, int64_t half);

  // (x - mean) / std of three channels a pixel.
  void (*normalize)(const float* x, const float mean[3], const float std[3], int64_t pixels,
                    float* out);
};

// Those of the instruction set that kernels() has.
const Loops& loops();
// Those of the same set as one of supported_kernels().
const Loops& loops_of(const Kernels& kernels);

}  // namespace vmolmo::cpu
