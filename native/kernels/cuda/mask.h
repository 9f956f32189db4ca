#pragma once

#include <cstdint>

#include "native/kernels/cuda/stream.h"

namespace vmolmo::cuda {

// *count += the number of values above the threshold. The counter is in device memory.
void count_above(Stream stream, const float* x, float threshold, int64_t count,
                 unsigned long long* counter);

// Where several objects [objects, pixels] want a pixel, all but the largest logit (the first of
// equal ones) become at most `limit`.
void suppress_overlap(Stream stream, float* logits, int64_t objects, int64_t pixels, float limit);

}  // namespace vmolmo::cuda
