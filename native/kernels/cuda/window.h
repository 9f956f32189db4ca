#pragma once

#include <cstdint>

#include "native/kernels/cuda/stream.h"

namespace vmolmo::cuda {

// Attention inside windows of four keys: q [windows, queries, heads * d], k and v
// [windows, 4, heads * d] -> out like q, softmax over the four keys, heads side by side.
void window_attention(Stream stream, const float* q, const float* k, const float* v, float* out,
                      int64_t windows, int64_t queries, int64_t heads, int64_t d, float scale);

// patches [frames, n, n, c] -> [frames * m * m, 4, c], m = ceil(n / 2); zero outside.
void cut_windows(Stream stream, const float* patches, float* windows, int64_t frames, int64_t n,
                 int64_t c);

// x [batch, height, width, c] <-> windows [batch * down * across, window, window, c]; the padding
// of partial windows is zero one way and dropped the other.
void window_partition(Stream stream, const float* x, float* windows, int64_t batch, int64_t height,
                      int64_t width, int64_t c, int64_t window);
void window_unpartition(Stream stream, const float* windows, float* x, int64_t batch,
                        int64_t height, int64_t width, int64_t c, int64_t window);
// Of bf16 bits.
void window_partition(Stream stream, const uint16_t* x, uint16_t* windows, int64_t batch,
                      int64_t height, int64_t width, int64_t c, int64_t window);
void window_unpartition(Stream stream, const uint16_t* windows, uint16_t* x, int64_t batch,
                        int64_t height, int64_t width, int64_t c, int64_t window);

}  // namespace vmolmo::cuda
