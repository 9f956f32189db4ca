#pragma once

#include <cmath>

#include "native/ops/context.h"
#include "native/ops/feeds.h"
#include "native/ops/rows.h"

namespace vmolmo::ops {

struct AttentionOptions {
  float scale = 0.0f;  // 0: 1 / sqrt(head_dim of q)
  bool causal = false;
  // Causal only: the position of query 0, so that query i sees keys 0 .. query_offset + i.
  int64_t query_offset = 0;
  RowPath path = RowPath::kAuto;  // rows: queries
  Feeds feeds = Feeds::kSums;     // the result
  // Causal only: I32 [n], the visibility classes of the last n keys, among them those of all
  // queries. Keys of one class see each other in both directions: a query sees, besides what
  // causality lets it see, the later keys of its own class. Negative: no class (text). Empty: none
  // has one. The entries of a batch share it.
  Tensor visibility;
  // F32, added to the scaled scores: [H or 1, Nq, Nk] for all entries of the batch or [B, H or 1,
  // Nq, Nk], any strides with the keys dense. -infinity hides a key; a query that sees none gives
  // zeros.
  Tensor bias;

  float scale_for(int64_t head_dim) const {
    return scale != 0.0f ? scale : 1.0f / std::sqrt(static_cast<float>(head_dim));
  }
};

// softmax(q k^T * scale) v without materialising the scores of all queries.
//   q [B, Nq, H, D], k [B, Nk, Hkv, D], v [B, Nk, Hkv, Dv], f32 or on a GPU bf16, any strides with
//   the last axis contiguous (so slices of a fused qkv projection and of a KV cache pass as they
//   are). H is a multiple of Hkv: query head h uses key head h / (H / Hkv). Dv may differ from D.
// Returns [B, Nq, H * Dv] contiguous, f32 unless it feeds products.
Tensor attention(Context& context, const Tensor& q, const Tensor& k, const Tensor& v,
                 const AttentionOptions& options = {});

// Sequences of different lengths as one batch. q[i] [Nq_i, H, D], k[i] [Nk_i, Hkv, D], v[i]
// likewise; what the results feed is said by the first options.
std::vector<Tensor> attention_varlen(Context& context, std::span<const Tensor> q,
                                     std::span<const Tensor> k, std::span<const Tensor> v,
                                     std::span<const AttentionOptions> options);

}  // namespace vmolmo::ops
