#pragma once

#include <cstdint>

#include "native/kernels/cuda/stream.h"

namespace vmolmo::cuda {

// What lies between the projections and the attention of a decoder block, in one pass: q is turned
// in place, k is turned and v copied to their places in the cache. Rotate-half form; row n of q, k
// and v takes row `position` + n of the tables [positions, d / 2] and of the cache.
struct RopeAppend {
  float* q = nullptr;        // [rows, heads, d]
  const float* k = nullptr;  // [rows, kv_heads, d]
  const float* v = nullptr;
  float* cache_k = nullptr;  // [capacity, kv_heads, d], contiguous
  float* cache_v = nullptr;
  const float* cos = nullptr;
  const float* sin = nullptr;
  int64_t q_row = 0, k_row = 0, v_row = 0;  // steps in floats; heads lie side by side
  int64_t rows = 0, heads = 1, kv_heads = 1, d = 0;
  int64_t position = 0;
  // A number in device memory that stands for `position`, or null.
  const int32_t* past = nullptr;
};

void rope_append(Stream stream, const RopeAppend& problem);

}  // namespace vmolmo::cuda
