#pragma once

#include <cstdint>

#include "native/kernels/cuda/stream.h"

namespace vmolmo::cuda {

// Keys turned and values as they are, to their places in the cache, in one pass; on request the
// queries of the same rows too, in place. Rotate-half form. Row n of q, k and v takes row
// `position` + n of the tables [positions, d / 2] and of the cache; with `positions` row
// positions[n], and with `slots` the cache that begins slots[n] * slot_step elements further.
struct RopeAppend {
  float* q = nullptr;        // [rows, heads, d], or null
  const float* k = nullptr;  // [rows, kv_heads, d]
  const float* v = nullptr;
  void* cache_k = nullptr;  // [capacity, kv_heads, d], contiguous; f32 or bf16
  void* cache_v = nullptr;
  const float* cos = nullptr;
  const float* sin = nullptr;
  int64_t q_row = 0, k_row = 0, v_row = 0;  // steps in floats; heads lie side by side
  int64_t rows = 0, heads = 0, kv_heads = 1, d = 0;
  int64_t position = 0;
  // In device memory, so that a captured graph serves every step.
  const int32_t* positions = nullptr;
  const int32_t* slots = nullptr;
  int64_t slot_step = 0;
  bool bf16 = false;  // what the cache holds: rounded to nearest even
};

void rope_append(Stream stream, const RopeAppend& problem);

}  // namespace vmolmo::cuda
