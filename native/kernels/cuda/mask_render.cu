#include "native/kernels/cuda/mask_render.h"

#include <algorithm>

#include "native/kernels/cuda/bilinear.cuh"

namespace vmolmo::cuda {
namespace {

constexpr int kThreads = 128;
constexpr int kPixels = 4;  // of a thread, side by side: their masks are one word

// The logits at four neighbouring pixels of an output line, between two input lines.
__device__ __forceinline__ void sample(const float* top, const float* bottom, const LinearTap& down,
                                       const LinearTap (&across)[kPixels], float (&v)[kPixels]) {
#pragma unroll
  for (int i = 0; i < kPixels; ++i) {
    v[i] = down.mix(across[i].mix(top[across[i].low], top[across[i].high]),
                    across[i].mix(bottom[across[i].low], bottom[across[i].high]));
  }
}

__device__ __forceinline__ void store(uint8_t* to, const uint8_t (&mask)[kPixels], int count) {
  if (count == kPixels && reinterpret_cast<uintptr_t>(to) % kPixels == 0) {
    *reinterpret_cast<uchar4*>(to) = make_uchar4(mask[0], mask[1], mask[2], mask[3]);
    return;
  }
#pragma unroll
  for (int i = 0; i < kPixels; ++i)
    if (i < count) to[i] = mask[i];
}

// The taps of a pixel serve all objects. Who owns a pixel is known behind the last of them: until
// then everybody's mask is that of a pixel of somebody else.
__global__ void __launch_bounds__(kThreads)
    render_kernel(MaskRender p, float scale_y, float scale_x) {
  const auto in_h = static_cast<int>(p.in_h), in_w = static_cast<int>(p.in_w);
  const int x = static_cast<int>(first_item()) * kPixels;
  if (x >= p.out_w) return;
  const int count = min(static_cast<int>(p.out_w) - x, kPixels);
  const LinearTap across[kPixels] = {
      {x, in_w, scale_x}, {x + 1, in_w, scale_x}, {x + 2, in_w, scale_x}, {x + 3, in_w, scale_x}};
  for (int y = static_cast<int>(blockIdx.y); y < p.out_h; y += static_cast<int>(gridDim.y)) {
    const LinearTap down(y, in_h, scale_y);
    const float* top = p.logits + down.low * p.in_w;
    const float* bottom = p.logits + down.high * p.in_w;
    uint8_t* line = p.masks + y * p.out_w + x;
    float best[kPixels] = {};
    int64_t owner[kPixels] = {};
    for (int64_t o = 0; o < p.objects; ++o) {
      float v[kPixels];
      sample(top + o * p.in_h * p.in_w, bottom + o * p.in_h * p.in_w, down, across, v);
      uint8_t mask[kPixels];
#pragma unroll
      for (int i = 0; i < kPixels; ++i) {
        mask[i] = (p.one_owner ? fminf(v[i], p.limit) : v[i]) > p.threshold;
        const bool better = o == 0 || v[i] > best[i];
        best[i] = better ? v[i] : best[i];
        owner[i] = better ? o : owner[i];
      }
      store(line + o * p.out_h * p.out_w, mask, count);
    }
    if (!p.one_owner) continue;
#pragma unroll
    for (int i = 0; i < kPixels; ++i) {
      if (i < count) line[owner[i] * p.out_h * p.out_w + i] = best[i] > p.threshold;
    }
  }
}

}  // namespace

void render_masks(Stream stream, const MaskRender& p) {
  if (p.objects == 0) return;
  constexpr int64_t kMostLines = 65535;
  const dim3 grid(static_cast<unsigned>(ceil_div(ceil_div(p.out_w, kPixels), kThreads)),
                  static_cast<unsigned>(std::min(p.out_h, kMostLines)));
  launch(render_kernel, {grid, kThreads, 0, stream}, p,
         static_cast<float>(p.in_h) / static_cast<float>(p.out_h),
         static_cast<float>(p.in_w) / static_cast<float>(p.out_w));
}

}  // namespace vmolmo::cuda
