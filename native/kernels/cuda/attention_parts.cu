#include "native/kernels/cuda/attention_parts.cuh"

namespace vmolmo::cuda {
namespace {

constexpr int kThreads = 128;
constexpr int kWarps = kThreads / kWarpSize;

__device__ __forceinline__ void store(float* to, float value) { *to = value; }
__device__ __forceinline__ void store(__nv_bfloat16* to, float value) {
  *to = __float2bfloat16(value);
}

// One warp per row. A part without a key for the row has the maximum -inf and the weight 0.
template <typename T>
__global__ void join_parts_kernel(const AttentionParts parts) {
  const int sequence = static_cast<int>(blockIdx.z), kv_head = static_cast<int>(blockIdx.y);
  const int lane = static_cast<int>(threadIdx.x) % kWarpSize;
  const int row = static_cast<int>(blockIdx.x) * kWarps + static_cast<int>(threadIdx.x) / kWarpSize;
  if (row >= parts.rows(sequence)) return;  // of the whole warp
  const float* first = parts.part(sequence, kv_head, 0, row);
  const int64_t step = int64_t{parts.max_rows} * (parts.dv + 2);
  float top = -INFINITY;
  for (int i = 0; i < parts.splits; ++i) top = fmaxf(top, first[i * step + parts.dv]);
  const float reference = top == -INFINITY ? 0.0f : top;
  float weight = 0.0f;
  for (int i = 0; i < parts.splits; ++i) {
    const float* tail = first + i * step + parts.dv;
    weight += tail[1] * exp2f(tail[0] - reference);
  }
  const float scale = weight > 0.0f ? 1.0f / weight : 0.0f;
  T* to = parts.result<T>(sequence, kv_head, row);
  for (int column = lane; column < parts.dv; column += kWarpSize) {
    float sum = 0.0f;
    for (int i = 0; i < parts.splits; ++i) {
      const float* part = first + i * step;
      sum += part[column] * exp2f(part[parts.dv] - reference);
    }
    store(to + column, sum * scale);
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
