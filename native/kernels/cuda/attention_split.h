#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "native/kernels/cuda/stream.h"

// softmax(q k^T * scale) v of a few queries over many keys, in f32: what decoding a token costs.
// The keys are split over blocks, and the heads that share a key head read it together.
namespace vmolmo::cuda {

// One sequence: steps in elements, the last axis dense. out [nq, heads, d], contiguous.
struct SplitSequence {
  const float* q = nullptr;  // [nq, heads, d]
  const float* k = nullptr;  // [nk, kv_heads, d]
  const float* v = nullptr;  // [nk, kv_heads, d]
  float* out = nullptr;
  int64_t q_row = 0, q_head = 0, k_row = 0, k_head = 0, v_row = 0, v_head = 0;
  int32_t nq = 0, nk = 0;
  int32_t offset = 0;  // causal: query i sees keys 0 .. offset + i
  // A number in device memory, or null. With it the sequence has *past keys and the nq of this
  // step: nk = *past + nq, offset = *past. nk itself is then the most that it may become. So one
  // captured graph serves every step.
  const int32_t* past = nullptr;
};

struct SplitAttention {
  int32_t heads = 1, kv_heads = 1, d = 0;
  float scale = 1.0f;
  bool causal = false;
};

// Whether the kernel takes the problem: d a multiple of 4 up to 256, everything aligned to 16
// bytes.
bool attention_split_supports(const SplitAttention& shape,
                              std::span<const SplitSequence> sequences);
size_t attention_split_workspace_bytes(const SplitAttention& shape,
                                       std::span<const SplitSequence> sequences);
void attention_split(Stream stream, const SplitAttention& shape,
                     std::span<const SplitSequence> sequences, void* workspace);

}  // namespace vmolmo::cuda
