#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "native/kernels/cuda/attention_mask.h"
#include "native/kernels/cuda/stream.h"

// softmax(q k^T * scale) v of a few queries over many keys, in f32: what decoding a token costs.
// The keys are split over blocks, and the heads that share a key head read it together.
namespace vmolmo::cuda {

// One sequence: steps in elements, the last axis dense. out [nq, heads, d], contiguous.
struct SplitSequence {
  const float* q = nullptr;  // [nq, heads, d]
  const void* k = nullptr;   // [nk, kv_heads, d], f32 or bf16
  const void* v = nullptr;   // [nk, kv_heads, d]
  float* out = nullptr;
  int64_t q_row = 0, q_head = 0, k_row = 0, k_head = 0, v_row = 0, v_head = 0;
  int32_t nq = 0, nk = 0;
  int32_t offset = 0;  // causal: query i sees keys 0 .. offset + i
  AttentionMask mask;
};

struct SplitAttention {
  int32_t heads = 1, kv_heads = 1, d = 0;
  float scale = 1.0f;
  bool causal = false;
  bool bf16 = false;  // what keys and values are
};

// Whether the kernel takes the problem: d a multiple of 4 up to 256, rows and heads at multiples of
// four elements.
bool attention_split_supports(const SplitAttention& shape,
                              std::span<const SplitSequence> sequences);
size_t attention_split_workspace_bytes(const SplitAttention& shape,
                                       std::span<const SplitSequence> sequences);
void attention_split(Stream stream, const SplitAttention& shape,
                     std::span<const SplitSequence> sequences, void* workspace);

// The rows of a decoding step, each a query of its own: row i sees the positions 0 .. positions[i]
// of slot slots[i]. Both are read on the device, so that a captured graph serves every step; the
// launch is sized for positions below `longest`. A row's result is that of attention_split(), to
// the bit.
struct SplitRows {
  const float* q = nullptr;  // [rows, heads, d], heads side by side
  const void* k = nullptr;   // [slots, capacity, kv_heads, d], contiguous, f32 or bf16
  const void* v = nullptr;
  float* out = nullptr;  // [rows, heads, d], contiguous
  int64_t q_row = 0, slot_step = 0;
  const int32_t* positions = nullptr;
  const int32_t* slots = nullptr;
  int32_t rows = 0, longest = 0;
};

bool attention_split_supports(const SplitAttention& shape, const SplitRows& rows);
size_t attention_split_workspace_bytes(const SplitAttention& shape, const SplitRows& rows);
void attention_split(Stream stream, const SplitAttention& shape, const SplitRows& rows,
                     void* workspace);

}  // namespace vmolmo::cuda
