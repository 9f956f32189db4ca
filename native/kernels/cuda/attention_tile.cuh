#pragma once

#include "native/kernels/cuda/attention_mask.cuh"
#include "native/kernels/cuda/attention_tensor.h"
#include "native/kernels/cuda/tile.cuh"

// The steps of attention on tensor cores: tiles of keys and values against 16 rows of a warp.
namespace vmolmo::cuda {

constexpr int kAttentionThreads = 128;
constexpr int kAttentionRows = 64;
constexpr int kWarpRows = 16;
constexpr float kLog2E = 1.4426950408889634f;

// A tile of ROWS rows with W elements each, from row `row` of a head of d channels on; what is not
// there becomes zero. Rows of 96 elements keep the pitch of 128.
template <int ROWS, int W>
__device__ __forceinline__ void load_rows(__nv_bfloat16* tile, const uint16_t* head, int64_t step,
                                          int d, int row, int rows) {
  constexpr int kChunks = W / kChunk, kPitch = (kChunks + 7) / 8 * 8;
  for (int at = static_cast<int>(threadIdx.x); at < ROWS * kChunks; at += kAttentionThreads) {
    const int r = at / kChunks, chunk = at % kChunks;
    const bool there = row + r < rows && chunk * kChunk < d;
    const uint16_t* from = there ? head + (row + r) * step + chunk * kChunk : head;
    copy_async_16(tile + tile_at<kPitch>(r, chunk), from, there);
  }
}

// Row r of the block's problem is head r % group of query r / group.
template <int D>
__device__ __forceinline__ void load_queries(__nv_bfloat16* tile, const uint16_t* q,
                                             const TensorSequence& s, int d, int first_head,
                                             int group, int row, int rows) {
  constexpr int kChunks = D / kChunk, kPitch = (kChunks + 7) / 8 * 8;
  for (int at = static_cast<int>(threadIdx.x); at < kAttentionRows * kChunks;
       at += kAttentionThreads) {
    const int r = at / kChunks, chunk = at % kChunks;
    const bool there = row + r < rows && chunk * kChunk < d;
    const int query = there ? (row + r) / group : 0, head = first_head + (row + r) % group;
    const uint16_t* from = there ? q + query * s.q_row + head * s.q_head + chunk * kChunk : q;
    copy_async_16(tile + tile_at<kPitch>(r, chunk), from, there);
  }
}

// What a thread knows of its two rows (lane / 4 and 8 below).
template <int DV>
struct RowState {
  float sums[DV / 8][4] = {};
  float maximum[2] = {-INFINITY, -INFINITY};
  float weight[2] = {};  // this thread's share of the sum of weights
};

// scores: of 16 rows and KEYS keys, scaled to powers of two, masked ones -inf. Leaves the weights
// in their place.
template <int KEYS, int DV>
__device__ __forceinline__ void softmax_step(float (&scores)[KEYS / 8][4], RowState<DV>& state) {
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    float top = state.maximum[half];
#pragma unroll
    for (int j = 0; j < KEYS / 8; ++j)
      top = fmaxf(top, fmaxf(scores[j][2 * half], scores[j][2 * half + 1]));
    top = fmaxf(top, __shfl_xor_sync(kAllLanes, top, 1));
    top = fmaxf(top, __shfl_xor_sync(kAllLanes, top, 2));
    // A row that has seen no key yet: any finite reference keeps its weights at zero.
    const float reference = top == -INFINITY ? 0.0f : top;
    const float keep = exp2f(state.maximum[half] - reference);
    state.maximum[half] = top;
    state.weight[half] *= keep;
#pragma unroll
    for (int j = 0; j < KEYS / 8; ++j) {
#pragma unroll
      for (int i = 2 * half; i < 2 * half + 2; ++i) {
        scores[j][i] = exp2f(scores[j][i] - reference);
        state.weight[half] += scores[j][i];
      }
    }
#pragma unroll
    for (int j = 0; j < DV / 8; ++j) {
      state.sums[j][2 * half] *= keep;
      state.sums[j][2 * half + 1] *= keep;
    }
  }
}

// Scores behind what a row may see become -inf. limit: number of visible keys per half.
template <int KEYS>
__device__ __forceinline__ void scale_and_mask(float (&scores)[KEYS / 8][4], float scale, int key,
                                               const int (&limit)[2], bool masked, int lane) {
#pragma unroll
  for (int j = 0; j < KEYS / 8; ++j) {
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const int at = key + j * 8 + lane % 4 * 2 + i % 2;
      const bool hidden = masked && at >= limit[i / 2];
      scores[j][i] = hidden ? -INFINITY : scores[j][i] * scale;
    }
  }
}

// The same with a mask; end: of the keys there are.
template <int KEYS>
__device__ __forceinline__ void scale_and_mask(float (&scores)[KEYS / 8][4], float scale, int key,
                                               int end, const MaskedQuery (&queries)[2], int lane) {
#pragma unroll
  for (int j = 0; j < KEYS / 8; ++j) {
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const int at = key + j * 8 + lane % 4 * 2 + i % 2;
      scores[j][i] = at < end ? queries[i / 2].score(scores[j][i] * scale, kLog2E, at) : -INFINITY;
    }
  }
}

// scores = queries (16 rows of a tile from `row` on) times the keys of a tile.
template <int D, int KEYS>
__device__ __forceinline__ void multiply_keys(float (&scores)[KEYS / 8][4],
                                              const __nv_bfloat16* queries,
                                              const __nv_bfloat16* keys, int row, int lane) {
  constexpr int kPitch = (D / kChunk + 7) / 8 * 8;
#pragma unroll
  for (int chunk = 0; chunk < D / kChunk; chunk += 2) {
    uint32_t a[4];
    load_a<kPitch>(a, queries, row, chunk, lane);
#pragma unroll
    for (int j = 0; j < KEYS / 16; ++j) {
      uint32_t b[4];
      load_b<kPitch>(b, keys, j * 16, chunk, lane);
      mma_pair(scores[2 * j], scores[2 * j + 1], a, b);
    }
  }
}

// sums += weights times values.
template <int DV, int KEYS>
__device__ __forceinline__ void multiply_values(RowState<DV>& state,
                                                const float (&weights)[KEYS / 8][4],
                                                const __nv_bfloat16* values, int lane) {
  constexpr int kPitch = (DV / kChunk + 7) / 8 * 8;
#pragma unroll
  for (int j = 0; j < KEYS / 16; ++j) {
    const float (&low)[4] = weights[2 * j], (&high)[4] = weights[2 * j + 1];
    const uint32_t a[4] = {pack_bf16(low[0], low[1]), pack_bf16(low[2], low[3]),
                           pack_bf16(high[0], high[1]), pack_bf16(high[2], high[3])};
#pragma unroll
    for (int n = 0; n < DV / 16; ++n) {
      uint32_t b[4];
      load_b_rows<kPitch>(b, values, j * 16, n * 2, lane);
      mma_pair(state.sums[2 * n], state.sums[2 * n + 1], a, b);
    }
  }
}

}  // namespace vmolmo::cuda
