#include "native/kernels/cuda/mask_fusion.h"

#include <algorithm>

#include "native/kernels/cuda/launch.cuh"

namespace vmolmo::cuda {
namespace {

constexpr int kThreads = 256;

// The top bit of every byte that is not zero.
__device__ __forceinline__ uint32_t set_bytes(uint32_t v) {
  return (((v & 0x7f7f7f7fu) + 0x7f7f7f7fu) | v) & 0x80808080u;
}

// Some pixels of a mask at a time: sixteen where masks start at multiples of 16 bytes, else one.
struct Wide {
  static constexpr int kWords = 4, kPixels = 16;
  uint32_t flags[kWords] = {};
  __device__ __forceinline__ Wide(const uint8_t* mask, int64_t at) {
    if (!mask) return;
    const uint4 v = reinterpret_cast<const uint4*>(mask)[at];
    flags[0] = set_bytes(v.x), flags[1] = set_bytes(v.y);
    flags[2] = set_bytes(v.z), flags[3] = set_bytes(v.w);
  }
  __device__ __forceinline__ static void store(uint8_t* mask, int64_t at,
                                               const uint32_t (&v)[kWords]) {
    reinterpret_cast<uint4*>(mask)[at] = make_uint4(v[0] >> 7, v[1] >> 7, v[2] >> 7, v[3] >> 7);
  }
};
struct Single {
  static constexpr int kWords = 1, kPixels = 1;
  uint32_t flags[kWords];
  __device__ __forceinline__ Single(const uint8_t* mask, int64_t at)
      : flags{mask && mask[at] ? 0x80u : 0u} {}
  __device__ __forceinline__ static void store(uint8_t* mask, int64_t at,
                                               const uint32_t (&v)[kWords]) {
    mask[at] = static_cast<uint8_t>(v[0] >> 7);
  }
};

__device__ __forceinline__ void add_count(unsigned count, unsigned long long* to) {
  const unsigned sum = __reduce_add_sync(kAllLanes, count);
  if (threadIdx.x % kWarpSize == 0 && sum > 0) atomicAdd(to, static_cast<unsigned long long>(sum));
}

__device__ __forceinline__ const uint8_t* mask_of(const uint8_t* masks, int64_t object,
                                                  int64_t pixels) {
  return masks ? masks + object * pixels : nullptr;
}

template <typename Pixels>
__global__ void count_kernel(const uint8_t* a, const uint8_t* b, int64_t objects, int64_t pixels,
                             unsigned long long* counts) {
  for (int64_t object = blockIdx.y; object < objects; object += gridDim.y) {
    const uint8_t* first = mask_of(a, object, pixels);
    const uint8_t* second = mask_of(b, object, pixels);
    unsigned in_a = 0, in_b = 0, in_both = 0;
    for (int64_t at = first_item(); at < pixels / Pixels::kPixels; at += item_step()) {
      const Pixels p(first, at), q(second, at);
#pragma unroll
      for (int i = 0; i < Pixels::kWords; ++i) {
        in_a += __popc(p.flags[i]);
        in_b += __popc(q.flags[i]);
        in_both += __popc(p.flags[i] & q.flags[i]);
      }
    }
    add_count(in_a, counts + 3 * object);
    add_count(in_b, counts + 3 * object + 1);
    add_count(in_both, counts + 3 * object + 2);
  }
}

__device__ __forceinline__ uint32_t compose(FusionBranch branch, uint32_t forward,
                                            uint32_t backward) {
  switch (branch) {
    case FusionBranch::kEmpty:
      break;
    case FusionBranch::kForward:
      return forward;
    case FusionBranch::kBackward:
      return backward;
    case FusionBranch::kIntersection:
      return forward & backward;
    case FusionBranch::kUnion:
      return forward | backward;
  }
  return 0;
}

template <typename Pixels>
__global__ void compose_kernel(MaskFusion f) {
  for (int64_t object = blockIdx.y; object < f.objects; object += gridDim.y) {
    const unsigned long long* c = f.counts + 3 * object;
    const FusionCounts counts{static_cast<int64_t>(c[0]), static_cast<int64_t>(c[1]),
                              static_cast<int64_t>(c[2])};
    const FusionBranch branch = choose_branch(counts, f.tau, f.strategy);
    if (first_item() == 0) f.branches[object] = static_cast<uint8_t>(branch);
    const uint8_t* forward = mask_of(f.forward, object, f.pixels);
    const uint8_t* backward = mask_of(f.backward, object, f.pixels);
    for (int64_t at = first_item(); at < f.pixels / Pixels::kPixels; at += item_step()) {
      const Pixels p(forward, at), q(backward, at);
      uint32_t fused[Pixels::kWords];
#pragma unroll
      for (int i = 0; i < Pixels::kWords; ++i) fused[i] = compose(branch, p.flags[i], q.flags[i]);
      Pixels::store(f.fused + object * f.pixels, at, fused);
    }
  }
}

bool starts_at_16(const void* p) { return reinterpret_cast<uintptr_t>(p) % 16 == 0; }

dim3 grid_of(int64_t objects, int64_t items) {
  constexpr int64_t kMostRows = 65535, kBlocksOfAll = 2048;
  const int64_t each = std::max<int64_t>(kBlocksOfAll / std::max<int64_t>(objects, 1), 1);
  const auto blocks = std::min<int64_t>(grid_for(items, kThreads), each);
  return {static_cast<unsigned>(std::max<int64_t>(blocks, 1)),
          static_cast<unsigned>(std::min(objects, kMostRows))};
}

}  // namespace

void count_overlap(Stream stream, const uint8_t* a, const uint8_t* b, int64_t objects,
                   int64_t pixels, unsigned long long* counts) {
  if (pixels % Wide::kPixels == 0 && starts_at_16(a) && starts_at_16(b)) {
    launch(count_kernel<Wide>, {grid_of(objects, pixels / Wide::kPixels), kThreads, 0, stream}, a,
           b, objects, pixels, counts);
  } else {
    launch(count_kernel<Single>, {grid_of(objects, pixels), kThreads, 0, stream}, a, b, objects,
           pixels, counts);
  }
}

void fuse_masks(Stream stream, const MaskFusion& f) {
  count_overlap(stream, f.forward, f.backward, f.objects, f.pixels, f.counts);
  if (f.pixels % Wide::kPixels == 0 && starts_at_16(f.forward) && starts_at_16(f.backward) &&
      starts_at_16(f.fused)) {
    launch(compose_kernel<Wide>,
           {grid_of(f.objects, f.pixels / Wide::kPixels), kThreads, 0, stream}, f);
  } else {
    launch(compose_kernel<Single>, {grid_of(f.objects, f.pixels), kThreads, 0, stream}, f);
  }
}

}  // namespace vmolmo::cuda
