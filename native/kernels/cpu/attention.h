#pragma once

#include <span>

#include "native/base/thread_pool.h"
#include "native/kernels/cpu/kernels.h"
#include "videomolmo/tensor.h"

namespace vmolmo::cpu {

// One sequence: row strides and head strides in floats, the last axis dense.
struct AttentionSequence {
  // Which kernel runs; a query's bits depend on it and not on the other queries.
  enum class Path : uint8_t {
    kAuto,    // the faster one for nq
    kDirect,  // query by query over the keys as they lie
    kBlocks,  // blocks of queries over packed keys
  };
  const float* q = nullptr;
  const float* k = nullptr;
  const float* v = nullptr;
  float* out = nullptr;  // [nq, heads, dv] contiguous
  int64_t q_row = 0, q_head = 0, k_row = 0, k_head = 0, v_row = 0, v_head = 0;
  int64_t nq = 0, nk = 0;
  float scale = 1.0f;
  bool causal = false;
  int64_t offset = 0;
  // Null, or what is added to the scaled scores [heads, nq, nk], keys dense; -inf hides a key.
  const float* bias = nullptr;
  int64_t bias_head = 0, bias_row = 0;
  // Null, or causal only: the classes of the keys from `offset` on, [nk - offset]. Query i, of
  // class classes[i], also sees the later keys of that class if it is not negative.
  const int32_t* classes = nullptr;
  Path path = Path::kAuto;
};

struct AttentionHeads {
  int64_t heads = 1;     // of the queries
  int64_t kv_heads = 1;  // heads is a multiple of it
  int64_t d = 0;
  int64_t dv = 0;
};

void attention(const Kernels& kernels, ThreadPool& threads, Allocator& memory,
               const AttentionHeads& shape, std::span<const AttentionSequence> sequences);

}  // namespace vmolmo::cpu
