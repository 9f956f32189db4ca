#include "native/kernels/cuda/attention_tensor.h"

#include <algorithm>

#include "native/kernels/cuda/attention_parts.cuh"
#include "native/kernels/cuda/tile.cuh"

// The queries of all heads that share a key head are the rows of one problem (so a decode step of
// grouped heads reads its keys once). A block takes 64 of these rows, 16 per warp, and walks over
// the keys in tiles that travel to shared memory one ahead; softmax is kept as a running maximum
// and sum per row, in powers of two.
namespace vmolmo::cuda {
namespace {

constexpr int kThreads = 128;
constexpr int kRows = 64;
constexpr int kWarpRows = 16;
constexpr float kLog2E = 1.4426950408889634f;

struct Arguments {
  TensorAttention shape;
  TensorSequence sequences[kMaxSequences];
  AttentionParts parts;
};

__device__ __forceinline__ int round_up(int value, int step) {
  return (value + step - 1) / step * step;
}

// A tile of ROWS rows with W elements each, from row `row` of a head on; rows that are not there
// become zero. Rows of 96 elements keep the pitch of 128.
template <int ROWS, int W>
__device__ __forceinline__ void load_rows(__nv_bfloat16* tile, const uint16_t* head, int64_t step,
                                          int row, int rows) {
  constexpr int kChunks = W / kChunk, kPitch = (kChunks + 7) / 8 * 8;
  for (int at = static_cast<int>(threadIdx.x); at < ROWS * kChunks; at += kThreads) {
    const int r = at / kChunks, chunk = at % kChunks;
    const bool there = row + r < rows;
    const uint16_t* from = there ? head + (row + r) * step + chunk * kChunk : head;
    copy_async_16(tile + tile_at<kPitch>(r, chunk), from, there);
  }
}

// Row r of the block's problem is head r % group of query r / group.
template <int D>
__device__ __forceinline__ void load_queries(__nv_bfloat16* tile, const TensorSequence& s,
                                             int first_head, int group, int row, int rows) {
  constexpr int kChunks = D / kChunk, kPitch = (kChunks + 7) / 8 * 8;
  for (int at = static_cast<int>(threadIdx.x); at < kRows * kChunks; at += kThreads) {
    const int r = at / kChunks, chunk = at % kChunks;
    const bool there = row + r < rows;
    const int query = there ? (row + r) / group : 0, head = first_head + (row + r) % group;
    const uint16_t* from = there ? s.q + query * s.q_row + head * s.q_head + chunk * kChunk : s.q;
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

template <int DV>
__device__ __forceinline__ void store(const Arguments& arguments, RowState<DV>& state, int sequence,
                                      int kv_head, int split, int row, int rows, int lane) {
  const TensorAttention& shape = arguments.shape;
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    float weight = state.weight[half];
    weight += __shfl_xor_sync(kAllLanes, weight, 1);
    weight += __shfl_xor_sync(kAllLanes, weight, 2);
    const int r = row + half * 8 + lane / 4;
    if (r >= rows) continue;
    float scale = weight > 0.0f ? 1.0f / weight : 0.0f;
    float* to = arguments.parts.result(sequence, kv_head, r);
    if (arguments.parts.data) {
      to = arguments.parts.part(sequence, kv_head, split, r);
      if (lane % 4 == 0) {
        to[shape.dv] = state.maximum[half];
        to[shape.dv + 1] = weight;
      }
      scale = 1.0f;
    }
#pragma unroll
    for (int j = 0; j < DV / 8; ++j) {
#pragma unroll
      for (int i = 0; i < 2; ++i) {
        const int column = j * 8 + lane % 4 * 2 + i;
        if (column < shape.dv) to[column] = state.sums[j][2 * half + i] * scale;
      }
    }
  }
}

// grid: row tiles, key heads, sequences * splits.
template <int D, int DV, int KEYS>
__global__ void __launch_bounds__(kThreads) attention_kernel(const Arguments arguments) {
  constexpr int kPitchK = (D + 63) / 64 * 64, kPitchV = (DV + 63) / 64 * 64;
  const TensorAttention& shape = arguments.shape;
  const int sequence = static_cast<int>(blockIdx.z) / arguments.parts.splits;
  const int split = static_cast<int>(blockIdx.z) % arguments.parts.splits;
  const int kv_head = static_cast<int>(blockIdx.y);
  const TensorSequence& s = arguments.sequences[sequence];
  const int group = shape.heads / shape.kv_heads;
  const int rows = s.nq * group, row0 = static_cast<int>(blockIdx.x) * kRows;
  if (row0 >= rows) return;  // of the whole block
  const int lane = static_cast<int>(threadIdx.x) % kWarpSize;
  const int warp_row = static_cast<int>(threadIdx.x) / kWarpSize * kWarpRows;

  // The keys that some row of the block sees, and the part of them that is this block's.
  const int last_query = (min(row0 + kRows, rows) - 1) / group;
  const int seen = shape.causal ? min(s.nk, s.offset + last_query + 1) : s.nk;
  const int part = round_up((seen + arguments.parts.splits - 1) / arguments.parts.splits, KEYS);
  const int begin = min(split * part, seen), end = min(begin + part, seen);
  const int tiles = (end - begin + KEYS - 1) / KEYS;
  int limit[2];
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    const int query = (row0 + warp_row + half * 8 + lane / 4) / group;
    limit[half] = shape.causal ? min(end, s.offset + query + 1) : end;
  }
  const int first_query = row0 / group;
  const int all_see = shape.causal ? min(end, s.offset + first_query + 1) : end;

  auto* queries = dynamic_shared<__nv_bfloat16>();
  auto* keys = queries + kRows * kPitchK;
  auto* values = keys + 2 * KEYS * kPitchK;
  const auto load = [&](int tile) {
    if (tile < tiles) {
      const int key = begin + tile * KEYS, stage = tile % 2;
      load_rows<KEYS, D>(keys + stage * KEYS * kPitchK, s.k + kv_head * s.k_head, s.k_row, key,
                         end);
      load_rows<KEYS, DV>(values + stage * KEYS * kPitchV, s.v + kv_head * s.v_head, s.v_row, key,
                          end);
    }
    copy_async_commit();
  };
  load_queries<D>(queries, s, kv_head * group, group, row0, rows);
  load(0);
  RowState<DV> state;
  const bool working = row0 + warp_row < rows;  // a warp without rows only carries tiles
  for (int tile = 0; tile < tiles; ++tile) {
    copy_async_wait<0>();
    __syncthreads();
    load(tile + 1);
    if (!working) continue;
    const int stage = tile % 2, key = begin + tile * KEYS;
    float scores[KEYS / 8][4] = {};
    multiply_keys<D, KEYS>(scores, queries, keys + stage * KEYS * kPitchK, warp_row, lane);
    scale_and_mask<KEYS>(scores, shape.scale * kLog2E, key, limit, key + KEYS > all_see, lane);
    softmax_step<KEYS, DV>(scores, state);
    multiply_values<DV, KEYS>(state, scores, values + stage * KEYS * kPitchV, lane);
  }
  copy_async_wait<0>();
  if (working) store<DV>(arguments, state, sequence, kv_head, split, row0 + warp_row, rows, lane);
}

__global__ void round_heads_kernel(const float* from, int64_t row_step, int64_t head_step,
                                   uint16_t* to, int64_t rows, int64_t heads, int64_t d,
                                   int64_t padded, bool aligned) {
  const int64_t chunks = padded / kChunk;
  for (int64_t at = first_item(); at < rows * heads * chunks; at += item_step()) {
    const int64_t row = at / (heads * chunks), head = at / chunks % heads;
    const int64_t column = at % chunks * kChunk;
    const float* x = from + row * row_step + head * head_step + column;
    float v[kChunk];
    if (aligned && column + kChunk <= d) {
      const float4 low = reinterpret_cast<const float4*>(x)[0];
      const float4 high = reinterpret_cast<const float4*>(x)[1];
      v[0] = low.x, v[1] = low.y, v[2] = low.z, v[3] = low.w;
      v[4] = high.x, v[5] = high.y, v[6] = high.z, v[7] = high.w;
    } else {
      for (int i = 0; i < kChunk; ++i) v[i] = column + i < d ? x[i] : 0.0f;
    }
    reinterpret_cast<uint4*>(to)[at] = make_uint4(pack_bf16(v[0], v[1]), pack_bf16(v[2], v[3]),
                                                  pack_bf16(v[4], v[5]), pack_bf16(v[6], v[7]));
  }
}

AttentionParts make_parts(const TensorAttention& shape, std::span<const TensorSequence> sequences,
                          int splits) {
  AttentionParts parts;
  parts.splits = std::max(splits, 1);
  parts.heads = shape.heads, parts.kv_heads = shape.kv_heads, parts.dv = shape.dv;
  int queries = 0;
  for (const TensorSequence& s : sequences) queries = std::max(queries, s.nq);
  parts.max_rows = queries * (shape.heads / shape.kv_heads);
  return parts;
}

template <int D, int DV, int KEYS>
void launch_kernel(Stream stream, const Arguments& arguments, int count) {
  constexpr size_t kPitchK = (D + 63) / 64 * 64, kPitchV = (DV + 63) / 64 * 64;
  constexpr size_t kBytes =
      (kRows * kPitchK + 2 * KEYS * (kPitchK + kPitchV)) * sizeof(__nv_bfloat16);
  const dim3 grid(static_cast<unsigned>(ceil_div(arguments.parts.max_rows, kRows)),
                  static_cast<unsigned>(arguments.shape.kv_heads),
                  static_cast<unsigned>(count * arguments.parts.splits));
  launch(attention_kernel<D, DV, KEYS>, {grid, kThreads, kBytes, stream}, arguments);
}

void launch_sequences(Stream stream, const Arguments& arguments, int count) {
  const HeadSizes sizes = padded_heads(arguments.shape.d, arguments.shape.dv);
  if (sizes.d == 64) launch_kernel<64, 64, 64>(stream, arguments, count);
  if (sizes.d == 96) launch_kernel<96, 96, 64>(stream, arguments, count);
  if (sizes.d == 128) launch_kernel<128, 128, 64>(stream, arguments, count);
  if (sizes.d == 256 && sizes.dv == 64) launch_kernel<256, 64, 32>(stream, arguments, count);
  if (sizes.d == 256 && sizes.dv == 256) launch_kernel<256, 256, 32>(stream, arguments, count);
  if (arguments.parts.data) join_parts(stream, arguments.parts, count);
}

}  // namespace

int plan_key_splits(const TensorAttention& shape, std::span<const TensorSequence> sequences,
                    int multiprocessors) {
  int64_t blocks = 0, keys = 0;
  for (const TensorSequence& s : sequences) {
    blocks += ceil_div(int64_t{s.nq} * (shape.heads / shape.kv_heads), kRows) * shape.kv_heads;
    keys = std::max<int64_t>(keys, s.nk);
  }
  if (blocks == 0 || blocks >= 2 * multiprocessors) return 1;
  // Parts of at least 128 keys: the sums of a shorter one cost as much as its keys.
  const int64_t wanted = ceil_div(2 * multiprocessors, blocks);
  return static_cast<int>(std::clamp<int64_t>(std::min(wanted, keys / 128), 1, 64));
}

size_t attention_workspace_bytes(const TensorAttention& shape,
                                 std::span<const TensorSequence> sequences, int splits) {
  const size_t at_once = std::min<size_t>(sequences.size(), kMaxSequences);
  return make_parts(shape, sequences, splits).bytes(at_once);
}

void attention_tensor(Stream stream, const TensorAttention& shape,
                      std::span<const TensorSequence> sequences, int splits, void* workspace) {
  Arguments arguments{};
  arguments.shape = shape;
  arguments.parts = make_parts(shape, sequences, splits);
  arguments.parts.data = splits > 1 ? static_cast<float*>(workspace) : nullptr;
  for (size_t begin = 0; begin < sequences.size(); begin += kMaxSequences) {
    const size_t count = std::min<size_t>(sequences.size() - begin, kMaxSequences);
    for (size_t i = 0; i < count; ++i) {
      arguments.sequences[i] = sequences[begin + i];
      arguments.parts.out[i] = sequences[begin + i].out;
      arguments.parts.nq[i] = sequences[begin + i].nq;
    }
    launch_sequences(stream, arguments, static_cast<int>(count));
  }
}

void round_heads(Stream stream, const float* from, int64_t row_step, int64_t head_step,
                 uint16_t* to, int64_t rows, int64_t heads, int64_t d, int64_t padded) {
  const bool aligned =
      reinterpret_cast<uintptr_t>(from) % 16 == 0 && row_step % 4 == 0 && head_step % 4 == 0;
  launch(round_heads_kernel, {grid_for(rows * heads * padded / kChunk, 256), 256, 0, stream}, from,
         row_step, head_step, to, rows, heads, d, padded, aligned);
}

}  // namespace vmolmo::cuda
