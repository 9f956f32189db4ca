#include "native/kernels/cuda/attention_split.h"

#include <algorithm>

#include "native/kernels/cuda/attention_keys.cuh"
#include "native/kernels/cuda/attention_mask.cuh"
#include "native/kernels/cuda/attention_parts.cuh"

// A block has eight rows (heads of queries that share a key head) and a range of keys; its four
// warps take four keys at a time. Blocks begin at fixed keys, and a hidden key adds zeros, so that
// a row's sums never depend on what is behind it.
namespace vmolmo::cuda {
namespace {

constexpr int kWarps = 4;
constexpr int kThreads = kWarps * kWarpSize;
constexpr int kPartKeys = 64;  // of a block: four rounds
constexpr float kLog2E = 1.4426950408889634f;

struct Arguments {
  SplitAttention shape;
  SplitSequence sequences[kMaxSequences];
  SplitRows rows;  // instead of the sequences, where it has any
  AttentionParts parts;
  int32_t row_blocks;
  bool masked;  // some sequence has a mask
};

// The warps' states joined in shared memory [warps, rows, d + 2] and written.
template <int QUADS>
__device__ __forceinline__ void store(const Arguments& arguments, const Running<QUADS>& state,
                                      int sequence, int kv_head, int split, int row0, int rows,
                                      int warp, int lane) {
  const int d = arguments.shape.d, pitch = QUADS * kWarpSize * 4 + 4;
  auto* shared = dynamic_shared<float>();
  float* own = shared + warp * kRows * pitch;
#pragma unroll
  for (int r = 0; r < kRows; ++r) {
#pragma unroll
    for (int i = 0; i < QUADS; ++i)
      *reinterpret_cast<float4*>(own + r * pitch + 4 + i * kWarpSize * 4 + lane * 4) =
          state.sums[r][i];
  }
  if (lane % 4 == 0) {
    own[lane / 4 * pitch] = state.maximum;
    own[lane / 4 * pitch + 1] = state.weight;
  }
  __syncthreads();
  for (int r = warp; r < kRows && row0 + r < rows; r += kWarps) {
    float top = -INFINITY, weight = 0.0f, factor[kWarps];
    for (int w = 0; w < kWarps; ++w) top = fmaxf(top, shared[(w * kRows + r) * pitch]);
    const float reference = top == -INFINITY ? 0.0f : top;
#pragma unroll
    for (int w = 0; w < kWarps; ++w) {
      factor[w] = exp2f(shared[(w * kRows + r) * pitch] - reference);
      weight += factor[w] * shared[(w * kRows + r) * pitch + 1];
    }
    float scale = weight > 0.0f ? 1.0f / weight : 0.0f;
    float* to = arguments.parts.result(sequence, kv_head, row0 + r);
    if (arguments.parts.data) {
      to = arguments.parts.part(sequence, kv_head, split, row0 + r);
      scale = 1.0f;
      if (lane == 0) {
        to[d] = top;
        to[d + 1] = weight;
      }
    }
    for (int c = lane; c < d; c += kWarpSize) {
      float sum = 0.0f;
#pragma unroll
      for (int w = 0; w < kWarps; ++w) sum += factor[w] * shared[(w * kRows + r) * pitch + 4 + c];
      to[c] = sum * scale;
    }
  }
}

// Row `row` of a decoding step as a sequence of one query.
template <typename T>
__device__ __forceinline__ SplitSequence sequence_of(const SplitAttention& shape,
                                                     const SplitRows& rows, int row) {
  SplitSequence s;
  const int64_t slot = rows.slots[row] * rows.slot_step;
  s.q = rows.q + row * rows.q_row;
  s.k = static_cast<const T*>(rows.k) + slot;
  s.v = static_cast<const T*>(rows.v) + slot;
  s.q_head = s.k_head = s.v_head = shape.d;
  s.k_row = s.v_row = int64_t{shape.kv_heads} * shape.d;
  s.nq = 1;
  s.nk = rows.positions[row] + 1;
  return s;
}

// grid: splits, key heads, sequences * blocks of rows.
template <typename T, int QUADS, bool MASKED>
__global__ void __launch_bounds__(kThreads) attention_split_kernel(const Arguments arguments) {
  const SplitAttention& shape = arguments.shape;
  const int sequence = static_cast<int>(blockIdx.z) / arguments.row_blocks;
  const int row0 = static_cast<int>(blockIdx.z) % arguments.row_blocks * kRows;
  const int kv_head = static_cast<int>(blockIdx.y), split = static_cast<int>(blockIdx.x);
  const bool of_step = arguments.rows.positions != nullptr;
  const SplitSequence s =
      of_step ? sequence_of<T>(shape, arguments.rows, sequence) : arguments.sequences[sequence];
  const int group = shape.heads / shape.kv_heads, rows = s.nq * group;
  const int begin = min(split * kPartKeys, s.nk), end = min(begin + kPartKeys, s.nk);
  // Both of the whole block; nobody reads the parts behind a step's last key.
  if (row0 >= rows || (of_step && begin == end)) return;
  const int lane = static_cast<int>(threadIdx.x) % kWarpSize;
  const int warp = static_cast<int>(threadIdx.x) / kWarpSize;
  const T* keys = static_cast<const T*>(s.k) + kv_head * s.k_head;
  const T* values = static_cast<const T*>(s.v) + kv_head * s.v_head;

  float4 q[kRows][QUADS];
#pragma unroll
  for (int r = 0; r < kRows; ++r) {
    const int row = row0 + r;
    const int64_t head = kv_head * group + row % group;
    load_row(q[r], s.q + row / group * s.q_row + head * s.q_head, row < rows, shape.d, lane);
#pragma unroll
    for (int i = 0; i < QUADS; ++i) scale_by(q[r][i], shape.scale * kLog2E);
  }
  const int own_row = min(row0 + lane / 4, rows - 1), own_query = (row0 + lane / 4) / group;
  const int limit = shape.causal && !of_step ? min(end, s.offset + own_query + 1) : end;
  const MaskedQuery own(s.mask, shape.causal, s.offset, s.nk, 0, kv_head * group + own_row % group,
                        own_row / group);
  Running<QUADS> state{};
  for (int key = begin + warp * kKeys; key < end; key += kWarps * kKeys) {
    KeyRows<T, QUADS> k, v;  // under way together
    k.load(keys, s.k_row, key, end, shape.d, lane);
    v.load(values, s.v_row, key, end, shape.d, lane);
    const float sum = score_keys(q, k, lane);
    if constexpr (MASKED)
      take_keys(state, key + lane % 4 < end ? own.score(sum, kLog2E, key + lane % 4) : -INFINITY,
                v);
    else
      take_keys(state, key + lane % 4 < limit ? sum : -INFINITY, v);
  }
  store(arguments, state, sequence, kv_head, split, row0, rows, warp, lane);
}

AttentionParts make_parts(const SplitAttention& shape, std::span<const SplitSequence> sequences) {
  AttentionParts parts;
  parts.heads = shape.heads, parts.kv_heads = shape.kv_heads, parts.dv = shape.d;
  int queries = 0, keys = 1;
  for (const SplitSequence& s : sequences) {
    queries = std::max(queries, s.nq);
    keys = std::max(keys, s.nk);
  }
  parts.max_rows = queries * (shape.heads / shape.kv_heads);
  parts.splits = static_cast<int>(ceil_div(keys, kPartKeys));
  return parts;
}

AttentionParts make_parts(const SplitAttention& shape, const SplitRows& rows) {
  AttentionParts parts;
  parts.heads = shape.heads, parts.kv_heads = shape.kv_heads, parts.dv = shape.d;
  parts.max_rows = shape.heads / shape.kv_heads;
  parts.splits = static_cast<int>(ceil_div(std::max(rows.longest, 1), kPartKeys));
  parts.positions = rows.positions;
  parts.part_keys = kPartKeys;
  return parts;
}

template <typename T, int QUADS>
void launch_kernel(Stream stream, const Arguments& arguments, int count) {
  constexpr size_t kBytes = size_t{kWarps} * kRows * (QUADS * kWarpSize * 4 + 4) * sizeof(float);
  const dim3 grid(static_cast<unsigned>(arguments.parts.splits),
                  static_cast<unsigned>(arguments.shape.kv_heads),
                  static_cast<unsigned>(count * arguments.row_blocks));
  const LaunchShape shape{grid, kThreads, kBytes, stream};
  if (arguments.masked) return launch(attention_split_kernel<T, QUADS, true>, shape, arguments);
  launch(attention_split_kernel<T, QUADS, false>, shape, arguments);
}

template <typename T>
void launch_type(Stream stream, const Arguments& arguments, int count) {
  if (arguments.shape.d <= 128)
    launch_kernel<T, 1>(stream, arguments, count);
  else
    launch_kernel<T, 2>(stream, arguments, count);
}

void run(Stream stream, Arguments& arguments, void* workspace, int count) {
  AttentionParts& parts = arguments.parts;
  parts.data = parts.splits > 1 ? static_cast<float*>(workspace) : nullptr;
  arguments.row_blocks = static_cast<int32_t>(ceil_div(parts.max_rows, kRows));
  if (arguments.shape.bf16)
    launch_type<__nv_bfloat16>(stream, arguments, count);
  else
    launch_type<float>(stream, arguments, count);
  if (parts.data) join_parts(stream, parts, count);
}

// Rows and heads at whole quads.
bool aligned(const void* data, int64_t row, int64_t head, size_t element) {
  return reinterpret_cast<uintptr_t>(data) % (4 * element) == 0 && row % 4 == 0 && head % 4 == 0;
}

}  // namespace

bool attention_split_supports(const SplitAttention& shape,
                              std::span<const SplitSequence> sequences) {
  const size_t element = shape.bf16 ? 2 : 4;
  const auto fits = [&](const SplitSequence& s) {
    return aligned(s.q, s.q_row, s.q_head, 4) && aligned(s.k, s.k_row, s.k_head, element) &&
           aligned(s.v, s.v_row, s.v_head, element);
  };
  return shape.d > 0 && shape.d % 4 == 0 && shape.d <= 256 &&
         std::all_of(sequences.begin(), sequences.end(), fits);
}

size_t attention_split_workspace_bytes(const SplitAttention& shape,
                                       std::span<const SplitSequence> sequences) {
  const size_t at_once = std::min<size_t>(sequences.size(), kMaxSequences);
  return make_parts(shape, sequences).bytes(at_once);
}

void attention_split(Stream stream, const SplitAttention& shape,
                     std::span<const SplitSequence> sequences, void* workspace) {
  Arguments arguments{};
  arguments.shape = shape;
  arguments.masked = std::any_of(sequences.begin(), sequences.end(),
                                 [](const SplitSequence& s) { return static_cast<bool>(s.mask); });
  arguments.parts = make_parts(shape, sequences);
  for (size_t begin = 0; begin < sequences.size(); begin += kMaxSequences) {
    const size_t count = std::min<size_t>(sequences.size() - begin, kMaxSequences);
    for (size_t i = 0; i < count; ++i) {
      arguments.sequences[i] = sequences[begin + i];
      arguments.parts.out[i] = sequences[begin + i].out;
      arguments.parts.nq[i] = sequences[begin + i].nq;
    }
    run(stream, arguments, workspace, static_cast<int>(count));
  }
}

bool attention_split_supports(const SplitAttention& shape, const SplitRows& rows) {
  const size_t element = shape.bf16 ? 2 : 4;
  return shape.d > 0 && shape.d % 4 == 0 && shape.d <= 256 &&
         aligned(rows.q, rows.q_row, shape.d, 4) &&
         aligned(rows.k, rows.slot_step, shape.d, element) &&
         aligned(rows.v, rows.slot_step, shape.d, element);
}

size_t attention_split_workspace_bytes(const SplitAttention& shape, const SplitRows& rows) {
  return make_parts(shape, rows).bytes(static_cast<size_t>(rows.rows));
}

void attention_split(Stream stream, const SplitAttention& shape, const SplitRows& rows,
                     void* workspace) {
  Arguments arguments{};
  arguments.shape = shape;
  arguments.rows = rows;
  arguments.parts = make_parts(shape, rows);
  arguments.parts.batched = true;
  arguments.parts.out[0] = rows.out;
  arguments.parts.nq[0] = 1;
  run(stream, arguments, workspace, rows.rows);
}

}  // namespace vmolmo::cuda
