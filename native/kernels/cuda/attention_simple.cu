#include "native/kernels/cuda/attention_simple.h"

#include "native/kernels/cuda/attention_mask.cuh"

namespace vmolmo::cuda {
namespace {

// A warp per query and head, 32 keys at a time: every lane scores one key, then the lanes share out
// the channels of v. Maximum and sum are carried along and earlier sums rescaled.
constexpr int kWarps = 4, kOwn = static_cast<int>(kLargestSimpleHead) / kWarpSize;

template <bool MASKED>
__global__ void attention_kernel(SimpleAttention p) {
  float* shared = dynamic_shared<float>();
  const int lane = static_cast<int>(threadIdx.x) % kWarpSize;
  const int warp = static_cast<int>(threadIdx.x) / kWarpSize;
  float* weights = shared + warp * (kWarpSize + p.d);
  float* query = weights + kWarpSize;
  // Warps without a query go through the motions on the last one and write nothing.
  const int64_t wanted = static_cast<int64_t>(blockIdx.x) * kWarps + warp;
  const int64_t row = wanted < p.nq ? wanted : p.nq - 1;
  const int64_t head = blockIdx.y, batch = blockIdx.z;
  const int64_t kv_head = head / (p.heads / p.kv_heads);
  const float* q = p.q + batch * p.q_batch + row * p.q_row + head * p.q_head;
  const float* k = p.k + batch * p.k_batch + kv_head * p.k_head;
  const float* v = p.v + batch * p.v_batch + kv_head * p.v_head;
  for (int64_t c = lane; c < p.d; c += kWarpSize) query[c] = q[c] * p.scale;
  __syncwarp();

  const MaskedQuery own(p.mask, p.causal, p.offset, p.nk, batch, head, row);
  const int64_t seen = MASKED && own.own >= 0 ? p.nk : own.seen;
  float sums[kOwn] = {};
  float top = -INFINITY, total = 0.0f;
  for (int64_t first = 0; first < seen; first += kWarpSize) {
    const int64_t key = first + lane;
    float score = -INFINITY;
    if (key < seen) {
      score = 0.0f;
      for (int64_t c = 0; c < p.d; ++c) score += query[c] * k[key * p.k_row + c];
      if (MASKED) score = own.score(score, 1.0f, static_cast<int>(key));
    }
    const float new_top = fmaxf(top, warp_reduce(score, Max{}));
    // A query that has seen no key yet: any finite reference keeps its weights at zero.
    const float reference = MASKED && new_top == -INFINITY ? 0.0f : new_top;
    const float weight = expf(score - reference);
    const float rescale = expf(top - reference);
    total = total * rescale + warp_reduce(weight, Sum{});
    top = new_top;
    weights[lane] = weight;
    __syncwarp();
    const int keys = seen - first < kWarpSize ? static_cast<int>(seen - first) : kWarpSize;
#pragma unroll
    for (int i = 0; i < kOwn; ++i) {
      const int64_t c = i * kWarpSize + lane;
      if (c >= p.dv) continue;
      float sum = sums[i] * rescale;
      for (int j = 0; j < keys; ++j) sum += weights[j] * v[(first + j) * p.v_row + c];
      sums[i] = sum;
    }
    __syncwarp();
  }
  if (wanted >= p.nq) return;
  float* out = p.out + ((batch * p.nq + row) * p.heads + head) * p.dv;
#pragma unroll
  for (int i = 0; i < kOwn; ++i) {
    const int64_t c = i * kWarpSize + lane;
    if (c < p.dv) out[c] = total > 0.0f ? sums[i] / total : 0.0f;
  }
}

}  // namespace

void attention_simple(Stream stream, const SimpleAttention& problem) {
  const dim3 grid(static_cast<unsigned>(ceil_div(problem.nq, kWarps)),
                  static_cast<unsigned>(problem.heads), static_cast<unsigned>(problem.batch));
  const size_t shared = kWarps * static_cast<size_t>(kWarpSize + problem.d) * sizeof(float);
  const LaunchShape shape{grid, kWarps * kWarpSize, shared, stream};
  if (problem.mask) return launch(attention_kernel<true>, shape, problem);
  launch(attention_kernel<false>, shape, problem);
}

}  // namespace vmolmo::cuda
