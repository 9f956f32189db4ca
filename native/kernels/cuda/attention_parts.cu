#include "native/kernels/cuda/attention_parts.cuh"

namespace vmolmo::cuda {
namespace {

constexpr int kThreads = 128;
constexpr int kWarps = kThreads / kWarpSize;
constexpr int kAtOnce = 8;  // parts whose sums are under way together

// Over all parts of a row: the largest maximum and, in the parts' order, the sum of their weights.
struct Total {
  float top, weight;
};
__device__ __forceinline__ Total total_of(const float* tail, int64_t step, int count, int lane) {
  float top = -INFINITY;
  for (int i = lane; i < count; i += kWarpSize) top = fmaxf(top, tail[i * step]);
  top = warp_reduce(top, Max{});
  const float reference = top == -INFINITY ? 0.0f : top;
  float weight = 0.0f;
  for (int first = 0; first < count; first += kWarpSize) {
    const int i = min(first + lane, count - 1);
    const float own = tail[i * step + 1] * exp2f(tail[i * step] - reference);
    for (int other = 0; other < min(kWarpSize, count - first); ++other)
      weight += __shfl_sync(kAllLanes, own, other);
  }
  return {reference, weight};
}

// One warp per row. A part without a key for the row has the maximum -inf and the weight 0.
template <typename T>
__global__ void join_parts_kernel(const AttentionParts parts) {
  const int sequence = static_cast<int>(blockIdx.z), kv_head = static_cast<int>(blockIdx.y);
  const int lane = static_cast<int>(threadIdx.x) % kWarpSize;
  const int row = static_cast<int>(blockIdx.x) * kWarps + static_cast<int>(threadIdx.x) / kWarpSize;
  if (row >= parts.rows(sequence)) return;  // of the whole warp
  const float* first = parts.part(sequence, kv_head, 0, row);
  const int64_t step = int64_t{parts.max_rows} * parts.pitch();
  const int count = parts.parts_of(sequence);
  const Total total = total_of(first + parts.dv, step, count, lane);
  const float scale = total.weight > 0.0f ? 1.0f / total.weight : 0.0f;
  T* to = parts.result<T>(sequence, kv_head, row);
  for (int column = 4 * lane; column < parts.dv; column += 4 * kWarpSize) {
    float sums[4] = {};
#pragma unroll kAtOnce
    for (int i = 0; i < count; ++i) {
      const float* part = first + i * step;
      const float4 quad = *reinterpret_cast<const float4*>(part + column);
      const float factor = exp2f(part[parts.dv] - total.top);
      sums[0] += quad.x * factor, sums[1] += quad.y * factor;
      sums[2] += quad.z * factor, sums[3] += quad.w * factor;
    }
#pragma unroll
    for (int i = 0; i < 4; ++i)
      if (column + i < parts.dv) store_float(to + column + i, sums[i] * scale);
  }
}

}  // namespace

void join_parts(Stream stream, const AttentionParts& parts, int sequences) {
  const dim3 grid(static_cast<unsigned>(ceil_div(parts.max_rows, kWarps)),
                  static_cast<unsigned>(parts.kv_heads), static_cast<unsigned>(sequences));
  const LaunchShape shape{grid, kThreads, 0, stream};
  if (parts.bf16) return launch(join_parts_kernel<__nv_bfloat16>, shape, parts);
  launch(join_parts_kernel<float>, shape, parts);
}

}  // namespace vmolmo::cuda
