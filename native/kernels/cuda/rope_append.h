#pragma once

#include <cstdint>

#include "native/kernels/cuda/stream.h"

namespace vmolmo::cuda {

// Keys turned and values as they are, to their places in the cache, in one pass. Rotate-half form;
// row n of k and v takes row `position` + n of the tables [positions, d / 2] and of the cache.
struct RopeAppend {
  const float* k = nullptr;  // [rows, kv_heads, d]
  const float* v = nullptr;
  float* cache_k = nullptr;  // [capacity, kv_heads, d], contiguous
  float* cache_v = nullptr;
  const float* cos = nullptr;
  const float* sin = nullptr;
  int64_t k_row = 0, v_row = 0;  // steps in floats; heads lie side by side
  int64_t rows = 0, kv_heads = 1, d = 0;
  int64_t position = 0;
};

void rope_append(Stream stream, const RopeAppend& problem);

}  // namespace vmolmo::cuda
