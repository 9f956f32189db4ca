#include "native/kernels/cuda/attention_split.h"

#include <algorithm>

#include "native/kernels/cuda/attention_parts.cuh"

// A block has eight rows (heads of queries that share a key head) and a range of keys; its four
// warps take four keys at a time, every lane 4 or 8 elements of them. The 32 products of rows and
// keys are summed over the lanes so that each lane ends up with one of them. Blocks begin at fixed
// keys, and a hidden key adds zeros, so that a row's sums never depend on what is behind it.
namespace vmolmo::cuda {
namespace {

constexpr int kWarps = 4;
constexpr int kThreads = kWarps * kWarpSize;
constexpr int kRows = 8;
constexpr int kKeys = 4;
constexpr int kPartKeys = 64;  // of a block: four rounds
constexpr float kLog2E = 1.4426950408889634f;

struct Arguments {
  SplitAttention shape;
  SplitSequence sequences[kMaxSequences];
  AttentionParts parts;
  int32_t row_blocks;
};

__device__ __forceinline__ float dot(const float4& a, const float4& b) {
  return a.x * b.x + a.y * b.y + a.z * b.z + a.w * b.w;
}
__device__ __forceinline__ void add_scaled(float4& sum, const float4& v, float weight) {
  sum.x += weight * v.x, sum.y += weight * v.y, sum.z += weight * v.z, sum.w += weight * v.w;
}
__device__ __forceinline__ void scale_by(float4& v, float factor) {
  v.x *= factor, v.y *= factor, v.z *= factor, v.w *= factor;
}

// Lane l gets the sum over all lanes of values[l]: every step halves the values a lane holds.
template <int BITS = kWarpSize / 2>
__device__ __forceinline__ float sum_transposed(float (&values)[kWarpSize], int lane) {
  const bool upper = lane & BITS;
#pragma unroll
  for (int i = 0; i < BITS; ++i) {
    const float keep = upper ? values[i + BITS] : values[i];
    const float send = upper ? values[i] : values[i + BITS];
    values[i] = keep + __shfl_xor_sync(kAllLanes, send, BITS);
  }
  if constexpr (BITS > 1) return sum_transposed<BITS / 2>(values, lane);
  return values[0];
}

// Elements 128 i + 4 lane .. + 3 of a row, zero behind d.
template <int QUADS>
__device__ __forceinline__ void load_row(float4 (&row)[QUADS], const float* from, bool there, int d,
                                         int lane) {
#pragma unroll
  for (int i = 0; i < QUADS; ++i) {
    const int at = i * kWarpSize * 4 + lane * 4;
    row[i] = there && at < d ? *reinterpret_cast<const float4*>(from + at)
                             : make_float4(0.0f, 0.0f, 0.0f, 0.0f);
  }
}

// What a warp has of its rows. maximum and weight belong to row lane / 4.
template <int QUADS>
struct Running {
  float4 sums[kRows][QUADS];
  float maximum = -INFINITY, weight = 0.0f;
};

// One score per lane: row lane / 4, key `key` + lane % 4.
template <int QUADS>
__device__ __forceinline__ void take_keys(Running<QUADS>& state, float score, const float* values,
                                          int64_t v_row, int key, int end, int d, int lane) {
  float top = fmaxf(score, __shfl_xor_sync(kAllLanes, score, 1));
  top = fmaxf(top, __shfl_xor_sync(kAllLanes, top, 2));
  top = fmaxf(top, state.maximum);
  const float reference = top == -INFINITY ? 0.0f : top;
  const float keep = exp2f(state.maximum - reference), weight = exp2f(score - reference);
  state.maximum = top;
  float total = weight + __shfl_xor_sync(kAllLanes, weight, 1);
  total += __shfl_xor_sync(kAllLanes, total, 2);
  state.weight = state.weight * keep + total;
  float4 v[kKeys][QUADS];
#pragma unroll
  for (int j = 0; j < kKeys; ++j)
    load_row(v[j], values + (key + j) * v_row, key + j < end, d, lane);
#pragma unroll
  for (int r = 0; r < kRows; ++r) {
    const float kept = __shfl_sync(kAllLanes, keep, r * 4);
    float w[kKeys];
#pragma unroll
    for (int j = 0; j < kKeys; ++j) w[j] = __shfl_sync(kAllLanes, weight, r * 4 + j);
#pragma unroll
    for (int i = 0; i < QUADS; ++i) {
      scale_by(state.sums[r][i], kept);
#pragma unroll
      for (int j = 0; j < kKeys; ++j) add_scaled(state.sums[r][i], v[j][i], w[j]);
    }
  }
}

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

// grid: splits, key heads, sequences * blocks of rows.
template <int QUADS>
__global__ void __launch_bounds__(kThreads) attention_split_kernel(const Arguments arguments) {
  const SplitAttention& shape = arguments.shape;
  const int sequence = static_cast<int>(blockIdx.z) / arguments.row_blocks;
  const int row0 = static_cast<int>(blockIdx.z) % arguments.row_blocks * kRows;
  const int kv_head = static_cast<int>(blockIdx.y), split = static_cast<int>(blockIdx.x);
  const SplitSequence& s = arguments.sequences[sequence];
  const int group = shape.heads / shape.kv_heads, rows = s.nq * group;
  if (row0 >= rows) return;  // of the whole block
  const int nk = s.past ? *s.past + s.nq : s.nk, offset = s.past ? *s.past : s.offset;
  const int lane = static_cast<int>(threadIdx.x) % kWarpSize;
  const int warp = static_cast<int>(threadIdx.x) / kWarpSize;
  const int begin = min(split * kPartKeys, nk), end = min(begin + kPartKeys, nk);
  const float* keys = s.k + kv_head * s.k_head;
  const float* values = s.v + kv_head * s.v_head;

  float4 q[kRows][QUADS];
#pragma unroll
  for (int r = 0; r < kRows; ++r) {
    const int row = row0 + r;
    const int64_t head = kv_head * group + row % group;
    load_row(q[r], s.q + row / group * s.q_row + head * s.q_head, row < rows, shape.d, lane);
#pragma unroll
    for (int i = 0; i < QUADS; ++i) scale_by(q[r][i], shape.scale * kLog2E);
  }
  const int own_query = (row0 + lane / 4) / group;
  const int limit = shape.causal ? min(end, offset + own_query + 1) : end;
  Running<QUADS> state{};
  for (int key = begin + warp * kKeys; key < end; key += kWarps * kKeys) {
    float4 k[kKeys][QUADS];
#pragma unroll
    for (int j = 0; j < kKeys; ++j)
      load_row(k[j], keys + (key + j) * s.k_row, key + j < end, shape.d, lane);
    float products[kWarpSize];
#pragma unroll
    for (int r = 0; r < kRows; ++r) {
#pragma unroll
      for (int j = 0; j < kKeys; ++j) {
        products[r * kKeys + j] = 0.0f;
#pragma unroll
        for (int i = 0; i < QUADS; ++i) products[r * kKeys + j] += dot(q[r][i], k[j][i]);
      }
    }
    const float sum = sum_transposed(products, lane);
    const float score = key + lane % 4 < limit ? sum : -INFINITY;
    take_keys(state, score, values, s.v_row, key, end, shape.d, lane);
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

template <int QUADS>
void launch_kernel(Stream stream, const Arguments& arguments, int count) {
  constexpr size_t kBytes = size_t{kWarps} * kRows * (QUADS * kWarpSize * 4 + 4) * sizeof(float);
  const dim3 grid(static_cast<unsigned>(arguments.parts.splits),
                  static_cast<unsigned>(arguments.shape.kv_heads),
                  static_cast<unsigned>(count * arguments.row_blocks));
  launch(attention_split_kernel<QUADS>, {grid, kThreads, kBytes, stream}, arguments);
}

bool aligned(const float* data, int64_t row, int64_t head) {
  return reinterpret_cast<uintptr_t>(data) % 16 == 0 && row % 4 == 0 && head % 4 == 0;
}

}  // namespace

bool attention_split_supports(const SplitAttention& shape,
                              std::span<const SplitSequence> sequences) {
  const auto fits = [](const SplitSequence& s) {
    return aligned(s.q, s.q_row, s.q_head) && aligned(s.k, s.k_row, s.k_head) &&
           aligned(s.v, s.v_row, s.v_head);
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
  arguments.parts = make_parts(shape, sequences);
  arguments.parts.data = arguments.parts.splits > 1 ? static_cast<float*>(workspace) : nullptr;
  arguments.row_blocks = static_cast<int32_t>(ceil_div(arguments.parts.max_rows, kRows));
  for (size_t begin = 0; begin < sequences.size(); begin += kMaxSequences) {
    const size_t count = std::min<size_t>(sequences.size() - begin, kMaxSequences);
    for (size_t i = 0; i < count; ++i) {
      arguments.sequences[i] = sequences[begin + i];
      arguments.parts.out[i] = sequences[begin + i].out;
      arguments.parts.nq[i] = sequences[begin + i].nq;
    }
    if (shape.d <= 128)
      launch_kernel<1>(stream, arguments, static_cast<int>(count));
    else
      launch_kernel<2>(stream, arguments, static_cast<int>(count));
    if (arguments.parts.data) join_parts(stream, arguments.parts, static_cast<int>(count));
  }
}

}  // namespace vmolmo::cuda
