#pragma once

#include <cstdint>

#include "native/kernels/cuda/stream.h"

namespace vmolmo::cuda {

// *count += the number of values above the threshold. The counter is in device memory.
void count_above(Stream stream, const float* x, float threshold, int64_t count,
                 unsigned long long* counter);
// counters[0] += pixels that are non-zero in both, counters[1] += in either.
void count_overlap(Stream stream, const uint8_t* a, const uint8_t* b, int64_t count,
                   unsigned long long* counters);

// Where several objects [objects, pixels] want a pixel, all but the largest logit (the first of
// equal ones) become at most `limit`.
void suppress_overlap(Stream stream, float* logits, int64_t objects, int64_t pixels, float limit);

// In `target` [masks, h, w], the pixels of 8-connected components of `mask` (non-zero bytes) with
// at most `max_area` pixels become `value`. parents and areas: masks * h * w integers each,
// scratch; there may be 2^31 pixels.
void replace_small(Stream stream, float* target, const uint8_t* mask, int64_t masks, int64_t h,
                   int64_t w, int64_t max_area, float value, int32_t* parents, int32_t* areas);

}  // namespace vmolmo::cuda
