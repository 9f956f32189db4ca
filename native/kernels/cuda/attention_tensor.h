#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "native/kernels/cuda/attention_mask.h"
#include "native/kernels/cuda/stream.h"

// softmax(q k^T * scale) v on tensor cores: bf16 operands, f32 sums, the scores never in memory.
namespace vmolmo::cuda {

// One sequence. q [nq, heads, d], k [nk, kv_heads, d] and v [nk, kv_heads, dv] are bf16 bits whose
// rows and heads lie at multiples of 16 bytes and are readable and zero up to bf16_row() of their
// size (round.h); steps in elements. out [nq, heads, dv], contiguous, is f32, or bf16 bits in all
// sequences of a call.
struct TensorSequence {
  const uint16_t* q = nullptr;
  const uint16_t* k = nullptr;
  const uint16_t* v = nullptr;
  float* out = nullptr;  // or
  uint16_t* out_bf16 = nullptr;
  int64_t q_row = 0, q_head = 0, k_row = 0, k_head = 0, v_row = 0, v_head = 0;
  // From one problem to the next where the sequence stands for TensorAttention::batch of them;
  // their results follow each other.
  int64_t q_batch = 0, k_batch = 0, v_batch = 0;
  int32_t nq = 0, nk = 0;
  int32_t offset = 0;  // causal: query i sees keys 0 .. offset + i
  AttentionMask mask;
};

struct TensorAttention {
  int32_t heads = 1, kv_heads = 1;  // query head h reads key head h / (heads / kv_heads)
  int32_t d = 0, dv = 0;
  float scale = 1.0f;
  bool causal = false;
  int32_t batch = 1;  // above 1 with a single sequence only
};

// The head sizes that a kernel exists for: the smallest pair that holds d and dv. {0, 0}: none.
struct HeadSizes {
  int d = 0;
  int dv = 0;
};
constexpr HeadSizes padded_heads(int64_t d, int64_t dv) {
  constexpr HeadSizes kKernels[]{{64, 64}, {96, 96}, {128, 128}, {256, 64}, {256, 256}};
  for (const HeadSizes& sizes : kKernels)
    if (d <= sizes.d && dv <= sizes.dv) return sizes;
  return {};
}

// Into how many parts the keys are split so that few queries still fill the device.
int plan_key_splits(const TensorAttention& shape, std::span<const TensorSequence> sequences,
                    int multiprocessors);
size_t attention_workspace_bytes(const TensorAttention& shape,
                                 std::span<const TensorSequence> sequences, int splits);
void attention_tensor(Stream stream, const TensorAttention& shape,
                      std::span<const TensorSequence> sequences, int splits, void* workspace);

}  // namespace vmolmo::cuda
