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

__global__ void overlap_kernel(const uint8_t* a, const uint8_t* b, int64_t count,
                               unsigned long long* counters) {
  const int64_t lane = static_cast<int64_t>(threadIdx.x) % kWarpSize;
  for (int64_t base = first_item() - lane; base < count; base += item_step()) {
    const int64_t i = base + lane;
    const bool in_a = i < count && a[i] != 0, in_b = i < count && b[i] != 0;
    add_flags(in_a && in_b, counters);
    add_flags(in_a || in_b, counters + 1);
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

// Union-find over pixels with atomics (Playne and Hawick's way): every pixel points at a pixel of
// its component with a lower number, roots at themselves.
__device__ __forceinline__ int32_t find_root(const volatile int32_t* parents, int32_t i) {
  while (parents[i] != i) i = parents[i];
  return i;
}

// The root of both becomes the lower one. Another thread may move a root meanwhile; then the higher
// of the two is joined again.
__device__ __forceinline__ void unite(int32_t* parents, int32_t a, int32_t b) {
  for (;;) {
    a = find_root(parents, a);
    b = find_root(parents, b);
    if (a == b) return;
    if (a > b) {
      const int32_t swap = a;
      a = b;
      b = swap;
    }
    const int32_t before = atomicMin(parents + b, a);
    if (before == b) return;
    b = before;
  }
}

__global__ void start_kernel(int32_t* parents, int32_t* areas, int64_t count) {
  for (int64_t i = first_item(); i < count; i += item_step()) {
    parents[i] = static_cast<int32_t>(i);
    areas[i] = 0;
  }
}

// Neighbours before a pixel in scan order are enough: left, and the three above. Masks lie one
// behind another.
__global__ void unite_kernel(const uint8_t* mask, int32_t* parents, int64_t count, int64_t h,
                             int64_t w) {
  for (int64_t i = first_item(); i < count; i += item_step()) {
    if (!mask[i]) continue;
    const int64_t y = i / w % h, x = i % w;
    const auto join = [&](int64_t other) {
      if (mask[other]) unite(parents, static_cast<int32_t>(i), static_cast<int32_t>(other));
    };
    if (x > 0) join(i - 1);
    if (y == 0) continue;
    join(i - w);
    if (x > 0) join(i - w - 1);
    if (x + 1 < w) join(i - w + 1);
  }
}

__global__ void count_areas_kernel(const uint8_t* mask, const int32_t* parents, int32_t* areas,
                                   int64_t count) {
  for (int64_t i = first_item(); i < count; i += item_step()) {
    if (mask[i]) atomicAdd(areas + find_root(parents, static_cast<int32_t>(i)), 1);
  }
}

__global__ void replace_kernel(float* target, const uint8_t* mask, const int32_t* parents,
                               const int32_t* areas, int64_t max_area, float value, int64_t count) {
  for (int64_t i = first_item(); i < count; i += item_step()) {
    if (mask[i] && areas[find_root(parents, static_cast<int32_t>(i))] <= max_area) {
      target[i] = value;
    }
  }
}

}  // namespace

void count_above(Stream stream, const float* x, float threshold, int64_t count,
                 unsigned long long* counter) {
  launch(count_above_kernel, {grid_for(count, kThreads), kThreads, 0, stream}, x, threshold, count,
         counter);
}

void count_overlap(Stream stream, const uint8_t* a, const uint8_t* b, int64_t count,
                   unsigned long long* counters) {
  launch(overlap_kernel, {grid_for(count, kThreads), kThreads, 0, stream}, a, b, count, counters);
}

void suppress_overlap(Stream stream, float* logits, int64_t objects, int64_t pixels, float limit) {
  launch(suppress_kernel, {grid_for(pixels, kThreads), kThreads, 0, stream}, logits, objects,
         pixels, limit);
}

void replace_small(Stream stream, float* target, const uint8_t* mask, int64_t masks, int64_t h,
                   int64_t w, int64_t max_area, float value, int32_t* parents, int32_t* areas) {
  const int64_t count = masks * h * w;
  const LaunchShape shape{grid_for(count, kThreads), kThreads, 0, stream};
  launch(start_kernel, shape, parents, areas, count);
  launch(unite_kernel, shape, mask, parents, count, h, w);
  launch(count_areas_kernel, shape, mask, parents, areas, count);
  launch(replace_kernel, shape, target, mask, parents, areas, max_area, value, count);
}

}  // namespace vmolmo::cuda
