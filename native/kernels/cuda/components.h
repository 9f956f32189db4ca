#pragma once

#include <cstdint>

#include "native/kernels/cuda/stream.h"

// Connected components (8-connected) of several masks of one size at once.
namespace vmolmo::cuda {

// In `target` [masks, h, w], the foreground pixels of components of at most `max_area` pixels
// become `value`. Foreground is `mask` (of the same shape, non-zero bytes) or, where that is null,
// target <= limit. parents and areas: one integer for each pixel, scratch. h * w fits into 31 bits.
struct SmallComponents {
  float* target = nullptr;
  const uint8_t* mask = nullptr;
  float limit = 0.0f;
  int64_t masks = 0, h = 0, w = 0;
  int64_t max_area = 0;
  float value = 0.0f;
  int32_t* parents = nullptr;
  int32_t* areas = nullptr;
};
void replace_small(Stream stream, const SmallComponents& components);

}  // namespace vmolmo::cuda
