#include "native/kernels/cuda/channel_norm.h"

#include "native/kernels/cuda/activation.cuh"
#include "native/kernels/cuda/launch.cuh"

// A few lanes hold a pixel in registers: x is read once, and a warp takes as many pixels as fit.
namespace vmolmo::cuda {
namespace {

constexpr int kThreads = 256;
constexpr int64_t kMostQuads = 128;

// Over groups of LANES lanes; all lanes of the warp.
template <int LANES>
__device__ __forceinline__ float group_sum(float value) {
#pragma unroll
  for (int bits = LANES / 2; bits > 0; bits /= 2) value += __shfl_xor_sync(kAllLanes, value, bits);
  return value;
}

__device__ __forceinline__ float4 load_quad(const float* from, int64_t quad) {
  return reinterpret_cast<const float4*>(from)[quad];
}

// LANES lanes have a pixel, each QUADS quads of it, every LANES-th. Two passes over the registers,
// as the variance of a difference of large sums would lose its digits.
template <int LANES, int QUADS>
__global__ void __launch_bounds__(kThreads) norm_kernel(ChannelNorm p) {
  const int lane = static_cast<int>(threadIdx.x) % LANES;
  const auto quads = static_cast<int>(p.n / 4);
  const float inverse_n = 1.0f / static_cast<float>(p.n);
  // Whole warps go round together, as all lanes must come to the shuffles.
  const int64_t own = first_item() / LANES, warp_first = own - threadIdx.x % kWarpSize / LANES;
  for (int64_t base = warp_first; base < p.pixels; base += item_step() / LANES) {
    const int64_t row = base + (own - warp_first);
    const bool there = row < p.pixels;
    float4 v[QUADS];
    float sum = 0.0f, square = 0.0f;
#pragma unroll
    for (int i = 0; i < QUADS; ++i) {
      const int quad = lane + i * LANES;
      v[i] = there && quad < quads ? load_quad(p.x + row * p.n, quad)
                                   : make_float4(0.0f, 0.0f, 0.0f, 0.0f);
      sum += v[i].x + v[i].y + (v[i].z + v[i].w);
    }
    const float mean = group_sum<LANES>(sum) * inverse_n;
#pragma unroll
    for (int i = 0; i < QUADS; ++i) {
      v[i].x -= mean, v[i].y -= mean, v[i].z -= mean, v[i].w -= mean;
      if (lane + i * LANES < quads)
        square += v[i].x * v[i].x + v[i].y * v[i].y + (v[i].z * v[i].z + v[i].w * v[i].w);
    }
    const float scale = 1.0f / sqrtf(group_sum<LANES>(square) * inverse_n + p.eps);
#pragma unroll
    for (int i = 0; i < QUADS; ++i) {
      const int quad = lane + i * LANES;
      if (!there || quad >= quads) continue;
      const float4 w = load_quad(p.weight, quad);
      const float4 b = p.bias ? load_quad(p.bias, quad) : make_float4(0.0f, 0.0f, 0.0f, 0.0f);
      reinterpret_cast<float4*>(p.y + row * p.n)[quad] =
          make_float4(activate(v[i].x * scale * w.x + b.x, p.activation),
                      activate(v[i].y * scale * w.y + b.y, p.activation),
                      activate(v[i].z * scale * w.z + b.z, p.activation),
                      activate(v[i].w * scale * w.w + b.w, p.activation));
    }
  }
}

template <int LANES, int QUADS>
void launch_norm(Stream stream, const ChannelNorm& p) {
  launch(norm_kernel<LANES, QUADS>, {grid_for(p.pixels, kThreads / LANES), kThreads, 0, stream}, p);
}

bool starts_at_16(const void* p) { return reinterpret_cast<uintptr_t>(p) % 16 == 0; }

}  // namespace

bool channel_norm_supports(const ChannelNorm& p) {
  return p.n % 4 == 0 && p.n > 0 && p.n / 4 <= kMostQuads && starts_at_16(p.x) &&
         starts_at_16(p.y) && starts_at_16(p.weight) && starts_at_16(p.bias);
}

void channel_norm(Stream stream, const ChannelNorm& p) {
  const int64_t quads = p.n / 4;
  if (quads <= 1) return launch_norm<1, 1>(stream, p);
  if (quads <= 4) return launch_norm<4, 1>(stream, p);
  if (quads <= 16) return launch_norm<16, 1>(stream, p);
  if (quads <= 32) return launch_norm<32, 1>(stream, p);
  if (quads <= 64) return launch_norm<32, 2>(stream, p);
  launch_norm<32, 4>(stream, p);
}

}  // namespace vmolmo::cuda
