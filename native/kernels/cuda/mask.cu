#include "native/kernels/cuda/mask.h"

#include "native/kernels/cuda/launch.cuh"

namespace vmolmo::cuda {
namespace {

constexpr int kThreads = 256;

// Adds the warp's flags to the counter, one atomic per warp.
__device__ __forceinline__ void add_flags(bool flag, unsigned long long* counter) {
  const int set = __popc(__ballot_sync(kAllLanes, flag));
  if (threadIdx.x % kWarpSize == 0 && set > 0) {
    atomicAdd(counter, static_cast<unsigned long long>(set));
  }
}

// Whole warps go round the loop together, as all lanes must come to the ballot.
__global__ void count_above_kernel(const float* x, float threshold, int64_t count,
                                   unsigned long long* counter) {
  const int64_t lane = static_cast<int64_t>(threadIdx.x) % kWarpSize;
  for (int64_t base = first_item() - lane; base < count; base += item_step()) {
    const int64_t i = base + lane;
    add_flags(i < count && x[i] > threshold, counter);
  }
}

__global__ void suppress_kernel(float* logits, int64_t objects, int64_t pixels, float limit) {
  for (int64_t p = first_item(); p < pixels; p += item_step()) {
    int64_t best = 0;
    for (int64_t o = 1; o < objects; ++o) {
      if (logits[o * pixels + p] > logits[best * pixels + p]) best = o;
    }
    for (int64_t o = 0; o < objects; ++o) {
      if (o != best) logits[o * pixels + p] = fminf(logits[o * pixels + p], limit);
    }
  }
}

}  // namespace

void count_above(Stream stream, const float* x, float threshold, int64_t count,
                 unsigned long long* counter) {
  launch(count_above_kernel, {grid_for(count, kThreads), kThreads, 0, stream}, x, threshold, count,
         counter);
}

void suppress_overlap(Stream stream, float* logits, int64_t objects, int64_t pixels, float limit) {
  launch(suppress_kernel, {grid_for(pixels, kThreads), kThreads, 0, stream}, logits, objects,
         pixels, limit);
}

}  // namespace vmolmo::cuda
