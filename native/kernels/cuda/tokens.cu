#include "native/kernels/cuda/tokens.h"

#include "native/kernels/cuda/launch.cuh"

namespace vmolmo::cuda {
namespace {

constexpr int kThreads = 256;
// A row of logits goes through one block, so as much of it as possible is to be under way.
constexpr int kBestThreads = 1024;
constexpr int kBestWarps = kBestThreads / kWarpSize;
constexpr int kAtOnce = 4;

__global__ void embed_kernel(const EmbeddingTables t, const int32_t* ids, float* out,
                             int64_t count) {
  for (int64_t i = first_item(); i < count * t.width; i += item_step()) {
    const int64_t id = ids[i / t.width], column = i % t.width;
    const int which = id < t.rows ? 0 : 1;
    const int64_t at = (which == 0 ? id : id - t.rows) * t.width + column;
    out[i] = t.bf16[which] ? load_float(static_cast<const __nv_bfloat16*>(t.tables[which]) + at)
                           : static_cast<const float*>(t.tables[which])[at];
  }
}

struct Best {
  float value;
  int32_t index;
};
// Ties go to the lower index, whatever the order of the comparisons; NaN is never better.
__device__ __forceinline__ void keep_best(Best& best, float value, int32_t index) {
  if (value > best.value || (value == best.value && index < best.index)) best = {value, index};
}
__device__ __forceinline__ void keep_best_of_warp(Best& best) {
#pragma unroll
  for (int bits = kWarpSize / 2; bits > 0; bits /= 2) {
    const float value = __shfl_xor_sync(kAllLanes, best.value, bits);
    const int32_t index = __shfl_xor_sync(kAllLanes, best.index, bits);
    keep_best(best, value, index);
  }
}

__global__ void __launch_bounds__(kBestThreads)
    argmax_kernel(const float* x, int32_t* best_of, int64_t n) {
  __shared__ Best bests[kBestWarps];
  const float* row = x + blockIdx.x * n;
  const int t = static_cast<int>(threadIdx.x), lane = t % kWarpSize;
  Best best{-INFINITY, INT32_MAX};
  for (int64_t begin = 0; begin < n; begin += kAtOnce * kBestThreads) {
    float values[kAtOnce];
#pragma unroll
    for (int i = 0; i < kAtOnce; ++i) {
      const int64_t at = begin + i * kBestThreads + t;
      values[i] = at < n ? row[at] : -INFINITY;
    }
#pragma unroll
    for (int i = 0; i < kAtOnce; ++i) {
      const int64_t at = begin + i * kBestThreads + t;
      if (at < n) keep_best(best, values[i], static_cast<int32_t>(at));
    }
  }
  keep_best_of_warp(best);
  if (lane == 0) bests[t / kWarpSize] = best;
  __syncthreads();
  if (t >= kWarpSize) return;  // of whole warps
  best = bests[lane];
  keep_best_of_warp(best);
  // A row of NaN has no best value; index 0 is as good as any and lies inside.
  if (t == 0) best_of[blockIdx.x] = best.index < n ? best.index : 0;
}

}  // namespace

void embed_tokens(Stream stream, const EmbeddingTables& tables, const int32_t* ids, float* out,
                  int64_t count) {
  launch(embed_kernel, {grid_for(count * tables.width, kThreads), kThreads, 0, stream}, tables, ids,
         out, count);
}

void argmax(Stream stream, const float* x, int32_t* best, int64_t rows, int64_t n) {
  static_assert(kBestWarps == kWarpSize, "the second round takes one lane per warp");
  launch(argmax_kernel, {static_cast<unsigned>(rows), kBestThreads, 0, stream}, x, best, n);
}

}  // namespace vmolmo::cuda
