#pragma once

#include <cstdint>

#include "native/kernels/cuda/attention_mask.h"
#include "native/kernels/cuda/stream.h"

namespace vmolmo::cuda {

// softmax(q k^T * scale) v of one or several equally large sequences in f32, the scores never in
// memory: the reference on the device. q [batch, nq, heads, d], k [batch, nk, kv_heads, d],
// v [batch, nk, kv_heads, dv] with the given steps in elements; out [batch, nq, heads, dv],
// contiguous. Query head h reads key head h / (heads / kv_heads). d and dv up to 512.
struct SimpleAttention {
  const float *q = nullptr, *k = nullptr, *v = nullptr;
  float* out = nullptr;
  int64_t q_batch = 0, q_row = 0, q_head = 0;
  int64_t k_batch = 0, k_row = 0, k_head = 0;
  int64_t v_batch = 0, v_row = 0, v_head = 0;
  int64_t batch = 1, nq = 0, nk = 0, heads = 1, kv_heads = 1, d = 0, dv = 0;
  float scale = 1.0f;
  bool causal = false;
  int64_t offset = 0;  // causal: query i sees keys 0 .. offset + i
  AttentionMask mask;
};

constexpr int64_t kLargestSimpleHead = 512;

void attention_simple(Stream stream, const SimpleAttention& problem);

}  // namespace vmolmo::cuda
