#include "native/kernels/cuda/attention_tensor.h"

#include <algorithm>

#include "native/kernels/cuda/attention_parts.cuh"
#include "native/kernels/cuda/attention_tile.cuh"

// The queries of all heads that share a key head are the rows of one problem (so a decode step of
// grouped heads reads its keys once). A block takes 64 of these rows, 16 per warp, and walks over
// the keys in tiles that travel to shared memory one ahead; softmax is kept as a running maximum
// and sum per row, in powers of two.
namespace vmolmo::cuda {
namespace {

struct Arguments {
  TensorAttention shape;
  TensorSequence sequences[kMaxSequences];
  AttentionParts parts;
  bool out_aligned;  // bf16 results start at multiples of 16 bytes
  bool masked;       // some sequence has a mask
};

__device__ __forceinline__ int round_up(int value, int step) {
  return (value + step - 1) / step * step;
}

// The rows' sums divided by their weights as bf16, through the warp's own rows of the queries'
// tile, so that whole pieces are written.
template <int D, int DV>
__device__ __forceinline__ void store_bf16(const Arguments& arguments, const RowState<DV>& state,
                                           __nv_bfloat16* tile, int sequence, int kv_head, int row,
                                           int rows, int lane) {
  constexpr int kPitch = (D / kChunk + 7) / 8 * 8;
  static_assert(DV <= D);
  __syncwarp();
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    float weight = state.weight[half];
    weight += __shfl_xor_sync(kAllLanes, weight, 1);
    weight += __shfl_xor_sync(kAllLanes, weight, 2);
    const float scale = weight > 0.0f ? 1.0f / weight : 0.0f;
#pragma unroll
    for (int j = 0; j < DV / 8; ++j) {
      auto* to = tile + tile_at<kPitch>(half * 8 + lane / 4, j) + lane % 4 * 2;
      *reinterpret_cast<uint32_t*>(to) =
          pack_bf16(state.sums[j][2 * half] * scale, state.sums[j][2 * half + 1] * scale);
    }
  }
  __syncwarp();
  const int dv = arguments.shape.dv, pieces = (dv + kChunk - 1) / kChunk;
  for (int at = lane; at < kWarpRows * pieces; at += kWarpSize) {
    const int r = at / pieces, piece = at % pieces;
    if (row + r >= rows) break;
    const __nv_bfloat16* from = tile + tile_at<kPitch>(r, piece);
    auto* to = arguments.parts.result<__nv_bfloat16>(sequence, kv_head, row + r) + piece * kChunk;
    if (arguments.out_aligned) {
      *reinterpret_cast<uint4*>(to) = *reinterpret_cast<const uint4*>(from);
    } else {
      for (int i = 0; i < min(kChunk, dv - piece * kChunk); ++i) to[i] = from[i];
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
template <int D, int DV, int KEYS, bool MASKED>
__global__ void __launch_bounds__(kAttentionThreads) attention_kernel(const Arguments arguments) {
  constexpr int kPitchK = (D + 63) / 64 * 64, kPitchV = (DV + 63) / 64 * 64;
  const TensorAttention& shape = arguments.shape;
  const int sequence = static_cast<int>(blockIdx.z) / arguments.parts.splits;
  const int split = static_cast<int>(blockIdx.z) % arguments.parts.splits;
  const int kv_head = static_cast<int>(blockIdx.y);
  const bool batched = arguments.parts.batched;
  const TensorSequence& s = arguments.sequences[batched ? 0 : sequence];
  const int64_t problem = batched ? sequence : 0;
  const uint16_t* k = s.k + problem * s.k_batch + kv_head * s.k_head;
  const uint16_t* v = s.v + problem * s.v_batch + kv_head * s.v_head;
  const int group = shape.heads / shape.kv_heads;
  const int rows = s.nq * group, row0 = static_cast<int>(blockIdx.x) * kAttentionRows;
  if (row0 >= rows) return;  // of the whole block
  const int lane = static_cast<int>(threadIdx.x) % kWarpSize;
  const int warp_row = static_cast<int>(threadIdx.x) / kWarpSize * kWarpRows;

  // The keys that some row of the block sees, and the part of them that is this block's.
  const int last_query = (min(row0 + kAttentionRows, rows) - 1) / group;
  const bool ahead = MASKED && s.mask.classes;
  const int seen = shape.causal && !ahead ? min(s.nk, s.offset + last_query + 1) : s.nk;
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
  auto* keys = queries + kAttentionRows * kPitchK;
  auto* values = keys + 2 * KEYS * kPitchK;
  const auto load = [&](int tile) {
    if (tile < tiles) {
      const int key = begin + tile * KEYS, stage = tile % 2;
      load_rows<KEYS, D>(keys + stage * KEYS * kPitchK, k, s.k_row, shape.d, key, end);
      load_rows<KEYS, DV>(values + stage * KEYS * kPitchV, v, s.v_row, shape.dv, key, end);
    }
    copy_async_commit();
  };
  load_queries<D>(queries, s.q + problem * s.q_batch, s, shape.d, kv_head * group, group, row0,
                  rows);
  load(0);
  const auto masked_query = [&](int half) {
    const int row = min(row0 + warp_row + half * 8 + lane / 4, rows - 1);
    return MaskedQuery(s.mask, shape.causal, s.offset, s.nk, problem, kv_head * group + row % group,
                       row / group);
  };
  const MaskedQuery masked_queries[2] = {masked_query(0), masked_query(1)};
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
    if constexpr (MASKED)
      scale_and_mask<KEYS>(scores, shape.scale * kLog2E, key, end, masked_queries, lane);
    else
      scale_and_mask<KEYS>(scores, shape.scale * kLog2E, key, limit, key + KEYS > all_see, lane);
    softmax_step<KEYS, DV>(scores, state);
    multiply_values<DV, KEYS>(state, scores, values + stage * KEYS * kPitchV, lane);
  }
  copy_async_wait<0>();
  if (!working) return;
  if (arguments.parts.bf16 && !arguments.parts.data) {
    store_bf16<D, DV>(arguments, state, queries + warp_row * kPitchK, sequence, kv_head,
                      row0 + warp_row, rows, lane);
  } else {
    store<DV>(arguments, state, sequence, kv_head, split, row0 + warp_row, rows, lane);
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
      (kAttentionRows * kPitchK + 2 * KEYS * (kPitchK + kPitchV)) * sizeof(__nv_bfloat16);
  const dim3 grid(static_cast<unsigned>(ceil_div(arguments.parts.max_rows, kAttentionRows)),
                  static_cast<unsigned>(arguments.shape.kv_heads),
                  static_cast<unsigned>(count * arguments.parts.splits));
  const LaunchShape shape{grid, kAttentionThreads, kBytes, stream};
  if (arguments.masked) return launch(attention_kernel<D, DV, KEYS, true>, shape, arguments);
  launch(attention_kernel<D, DV, KEYS, false>, shape, arguments);
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

void set_sequence(Arguments& arguments, size_t at, const TensorSequence& s) {
  arguments.sequences[at] = s;
  arguments.parts.out[at] = s.out_bf16 ? static_cast<void*>(s.out_bf16) : s.out;
  arguments.parts.nq[at] = s.nq;
}

// Of a batch, in one launch: a grid's last side ends at 65,535.
int problems_at_once(const TensorAttention& shape, int splits) {
  return std::min(shape.batch, 65535 / std::max(splits, 1));
}

void launch_batch(Stream stream, Arguments& arguments, TensorSequence s) {
  const TensorAttention& shape = arguments.shape;
  const int at_once = problems_at_once(shape, arguments.parts.splits);
  for (int begin = 0; begin < shape.batch; begin += at_once) {
    set_sequence(arguments, 0, s);
    launch_sequences(stream, arguments, std::min(at_once, shape.batch - begin));
    const int64_t results = int64_t{at_once} * s.nq * shape.heads * shape.dv;
    s.q += at_once * s.q_batch, s.k += at_once * s.k_batch, s.v += at_once * s.v_batch;
    if (s.mask.bias) s.mask.bias += at_once * s.mask.bias_batch;
    if (s.out) s.out += results;
    if (s.out_bf16) s.out_bf16 += results;
  }
}

}  // namespace

int plan_key_splits(const TensorAttention& shape, std::span<const TensorSequence> sequences,
                    int multiprocessors) {
  int64_t blocks = 0, keys = 0;
  for (const TensorSequence& s : sequences) {
    const int64_t rows = int64_t{s.nq} * (shape.heads / shape.kv_heads);
    blocks += ceil_div(rows, kAttentionRows) * shape.kv_heads * shape.batch;
    keys = std::max<int64_t>(keys, s.nk);
  }
  if (blocks == 0 || blocks >= 2 * multiprocessors) return 1;
  // Parts of at least 128 keys: the sums of a shorter one cost as much as its keys.
  const int64_t wanted = ceil_div(2 * multiprocessors, blocks);
  return static_cast<int>(std::clamp<int64_t>(std::min(wanted, keys / 128), 1, 64));
}

size_t attention_workspace_bytes(const TensorAttention& shape,
                                 std::span<const TensorSequence> sequences, int splits) {
  const size_t at_once = shape.batch > 1 ? problems_at_once(shape, splits)
                                         : std::min<size_t>(sequences.size(), kMaxSequences);
  return make_parts(shape, sequences, splits).bytes(at_once);
}

void attention_tensor(Stream stream, const TensorAttention& shape,
                      std::span<const TensorSequence> sequences, int splits, void* workspace) {
  if (sequences.empty()) return;
  Arguments arguments{};
  arguments.shape = shape;
  arguments.parts = make_parts(shape, sequences, splits);
  arguments.parts.data = splits > 1 ? static_cast<float*>(workspace) : nullptr;
  arguments.parts.batched = shape.batch > 1;
  arguments.parts.bf16 = sequences[0].out_bf16 != nullptr;
  arguments.out_aligned = shape.dv % kChunk == 0;
  for (const TensorSequence& s : sequences) {
    arguments.out_aligned &= reinterpret_cast<uintptr_t>(s.out_bf16) % 16 == 0;
    arguments.masked |= static_cast<bool>(s.mask);
  }
  if (shape.batch > 1) return launch_batch(stream, arguments, sequences[0]);
  for (size_t begin = 0; begin < sequences.size(); begin += kMaxSequences) {
    const size_t count = std::min<size_t>(sequences.size() - begin, kMaxSequences);
    for (size_t i = 0; i < count; ++i) set_sequence(arguments, i, sequences[begin + i]);
    launch_sequences(stream, arguments, static_cast<int>(count));
  }
}

}  // namespace vmolmo::cuda
