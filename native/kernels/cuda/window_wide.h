#pragma once

#include <cstdint>

#include "native/kernels/cuda/stream.h"

namespace vmolmo::cuda {

// Attention inside windows of four keys: q [windows, queries, heads * 64], k and v
// [windows, 4, heads * 64] -> out like q. Every byte is read and written once, 16 at a time.
struct WindowAttention {
  const float *q = nullptr, *k = nullptr, *v = nullptr;
  float* out = nullptr;
  int64_t windows = 0, queries = 4, heads = 1, d = 64;
  float scale = 1.0f;
};

// Whether the kernel takes the problem: heads of 64, one or four queries, aligned to 16 bytes.
bool window_wide_supports(const WindowAttention& problem);
void window_attention_wide(Stream stream, const WindowAttention& problem);

}  // namespace vmolmo::cuda
