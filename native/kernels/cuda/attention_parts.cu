#include "native/kernels/cuda/attention_parts.cuh"

namespace vmolmo::cuda {
namespace {

constexpr int kThreads = 128;
constexpr int kWarps = kThreads / kWarpSize;

// One warp per row. A part without a key for the row has the maximum -inf and the weight 0.
__global__ void join_parts_kernel(const AttentionParts parts) {
  const int sequence = static_cast<int>(blockIdx.z), kv_head = static_cast<int>(blockIdx.y);
  const int lane = static_cast<int>(threadIdx.x) % kWarpSize;
  const int row = static_cast<int>(blockIdx.x) * kWarps + static_cast<int>(threadIdx.x) / kWarpSize;
  if (row >= parts.nq[sequence] * (parts.heads / parts.kv_heads)) return;  // of the whole warp
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
  float* to = parts.result(sequence, kv_head, row);
  for (int column = lane; column < parts.dv; column += kWarpSize) {
    float sum = 0.0f;
    for (int i = 0; i < parts.splits; ++i) {
      const float* part = first + i * step;
      sum += part[column] * exp2f(part[parts.dv] - reference);
    }
    to[column] = sum * scale;
  }
}

}  // namespace

void join_parts(Stream stream, const AttentionParts& parts, int sequences) {
  const dim3 grid(static_cast<unsigned>(ceil_div(parts.max_rows, kWarps)),
                  static_cast<unsigned>(parts.kv_heads), static_cast<unsigned>(sequences));
  launch(join_parts_kernel, {grid, kThreads, 0, stream}, parts);
}

}  // namespace vmolmo::cuda
