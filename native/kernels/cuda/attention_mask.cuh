#pragma once

#include "native/kernels/cuda/attention_mask.h"
#include "native/kernels/cuda/launch.cuh"

namespace vmolmo::cuda {

// One query of a masked attention.
struct MaskedQuery {
  const float* bias = nullptr;       // of the query's row
  const int32_t* classes = nullptr;  // of the keys from `offset` on
  int offset = 0;
  int seen = 0;  // the keys before this one are visible to it whatever their class
  int32_t own = -1;

  // nk: keys there are; offset: the position of query 0.
  __device__ __forceinline__ MaskedQuery(const AttentionMask& mask, bool causal, int64_t offset,
                                         int64_t nk, int64_t problem, int64_t head, int64_t query)
      : classes(mask.classes), offset(static_cast<int>(offset)), seen(static_cast<int>(nk)) {
    if (mask.bias)
      bias = mask.bias + problem * mask.bias_batch + head * mask.bias_head + query * mask.bias_row;
    if (causal && offset + query + 1 < nk) seen = static_cast<int>(offset + query + 1);
    if (classes) own = classes[query];
  }
  // What becomes of the score of a key: the bias in multiples of 1 / unit is added, or it is
  // hidden.
  __device__ __forceinline__ float score(float score, float unit, int key) const {
    if (key >= seen && (own < 0 || classes[key - offset] != own)) return -INFINITY;
    return bias ? score + bias[key] * unit : score;
  }
};

}  // namespace vmolmo::cuda
