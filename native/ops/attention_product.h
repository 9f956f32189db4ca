#pragma once

#include "native/kernels/cuda/attention_mask.h"
#include "native/ops/attention.h"

namespace vmolmo::ops {

// Sequences that go through one kernel: they share heads, head sizes, scale and mask.
struct AttentionCall {
  // [N, H, D] each; or one entry [B, N, H, D] that stands for B sequences.
  std::vector<Tensor> q, k, v;
  std::vector<Tensor> out;  // [N, H * Dv], or [B, N, H * Dv]; contiguous, all f32 or all bf16
  std::vector<int64_t> offsets;
  std::vector<cuda::AttentionMask> masks;
  float scale = 1.0f;
  bool causal = false;
  RowPath path = RowPath::kAuto;

  int64_t batch() const { return q[0].rank() == 4 ? q[0].dim(0) : 1; }
};

// By attention_tensor(): bf16 operands are read where they lie, others are rounded first.
void attention_product(Context& context, const AttentionCall& call);

}  // namespace vmolmo::ops
