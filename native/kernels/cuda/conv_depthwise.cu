#include "native/kernels/cuda/conv_depthwise.h"

#include "native/kernels/cuda/launch.cuh"

// The lanes of a warp take neighbouring channels, so that every access is a whole line, and each
// thread a tile of 4 x 8 outputs of its channel: it holds the 49 weights and the tile's sums in
// registers and walks down the tile's 10 input lines, each of which takes part in all the output
// lines that it touches. Two blocks a multiprocessor: with the 220 registers that this allows, many
// of a tile's loads are under way at once, which more warps would have to make up for. The tiles of
// a block are neighbours; what they share of the input comes from the first-level cache.
namespace vmolmo::cuda {
namespace {

constexpr int kSide = 7, kTaps = kSide * kSide;
constexpr int kTileH = 4, kTileW = 8, kLineW = kTileW + kSide - 1;
constexpr int kWarps = 4, kThreads = kWarps * kWarpSize;

// The input columns of a tile that lie inside the picture, as bits.
__device__ __forceinline__ uint32_t columns_inside(int left, int width) {
  uint32_t bits = 0;
#pragma unroll
  for (int i = 0; i < kLineW; ++i) bits |= left + i >= 0 && left + i < width ? 1u << i : 0u;
  return bits;
}

// The tile's columns of an input line, `step` apart, zero where `inside` has no bit.
__device__ __forceinline__ void load_line(const float* from, int step, uint32_t inside,
                                          float (&line)[kLineW]) {
#pragma unroll
  for (int i = 0; i < kLineW; ++i) line[i] = inside >> i & 1u ? from[i * step] : 0.0f;
}

// The block's channels' weights, through shared memory: they lie 49 apart.
__device__ __forceinline__ void load_weights(const float* weight, int64_t first, int64_t channels,
                                             float* staged, float (&w)[kTaps]) {
  const auto count = static_cast<int>(min(int64_t{kWarpSize}, channels - first)) * kTaps;
  for (int i = static_cast<int>(threadIdx.x); i < kWarpSize * kTaps; i += kThreads)
    staged[i] = i < count ? weight[first * kTaps + i] : 0.0f;
  __syncthreads();
  const float* own = staged + static_cast<int>(threadIdx.x) % kWarpSize * kTaps;
#pragma unroll
  for (int i = 0; i < kTaps; ++i) w[i] = own[i];
}

__device__ __forceinline__ void store_tile(float* y, const ConvShape& s, int64_t oy, int64_t ox,
                                           const float (&sums)[kTileH][kTileW]) {
#pragma unroll
  for (int i = 0; i < kTileH; ++i) {
#pragma unroll
    for (int j = 0; j < kTileW; ++j) {
      if (oy + i < s.out_height && ox + j < s.out_width)
        y[((oy + i) * s.out_width + ox + j) * s.out] = sums[i][j];
    }
  }
}

__global__ void __launch_bounds__(kThreads, 2)
    depthwise_kernel(const float* x, const float* weight, const float* bias, float* y, ConvShape s,
                     int64_t across, int64_t down) {
  float* staged = dynamic_shared<float>();
  const int64_t first = static_cast<int64_t>(blockIdx.y) * kWarpSize;
  const int64_t channel = first + threadIdx.x % kWarpSize;
  float w[kTaps];
  load_weights(weight, first, s.in, staged, w);
  const int64_t tile = static_cast<int64_t>(blockIdx.x) * kWarps + threadIdx.x / kWarpSize;
  if (tile >= s.batch * down * across || channel >= s.in) return;
  const int ox = static_cast<int>(tile % across) * kTileW;
  const int oy = static_cast<int>(tile / across % down) * kTileH;
  const int64_t image = tile / across / down;
  const int top = oy - static_cast<int>(s.padding), left = ox - static_cast<int>(s.padding);
  const auto height = static_cast<int>(s.height), width = static_cast<int>(s.width);
  const auto step = static_cast<int>(s.in);
  const uint32_t inside = columns_inside(left, width);
  const float* from = x + ((image * height + top) * width + left) * step + channel;
  const float start = bias ? bias[channel] : 0.0f;
  float sums[kTileH][kTileW];
#pragma unroll
  for (int i = 0; i < kTileH * kTileW; ++i) sums[i / kTileW][i % kTileW] = start;
#pragma unroll
  for (int line_at = 0; line_at < kTileH + kSide - 1; ++line_at) {
    float line[kLineW];
    const bool there = top + line_at >= 0 && top + line_at < height;
    load_line(from, step, there ? inside : 0u, line);
    from += int64_t{width} * step;
#pragma unroll
    for (int i = 0; i < kTileH; ++i) {
      const int ky = line_at - i;
      if (ky < 0 || ky >= kSide) continue;
#pragma unroll
      for (int kx = 0; kx < kSide; ++kx) {
#pragma unroll
        for (int j = 0; j < kTileW; ++j) sums[i][j] += line[j + kx] * w[ky * kSide + kx];
      }
    }
  }
  store_tile(y + image * s.out_height * s.out_width * s.out + channel, s, oy, ox, sums);
}

}  // namespace

bool conv_depthwise_7x7_supports(const ConvShape& shape) {
  constexpr int64_t kMostBlocksDown = 65535;
  return shape.kernel_h == kSide && shape.kernel_w == kSide &&
         ceil_div(shape.in, kWarpSize) <= kMostBlocksDown;
}

void conv_depthwise_7x7(Stream stream, const float* x, const float* weight, const float* bias,
                        float* y, const ConvShape& s) {
  const int64_t across = ceil_div(s.out_width, kTileW), down = ceil_div(s.out_height, kTileH);
  const dim3 grid(static_cast<unsigned>(ceil_div(s.batch * down * across, kWarps)),
                  static_cast<unsigned>(ceil_div(s.in, kWarpSize)));
  launch(depthwise_kernel, {grid, kThreads, kWarpSize * kTaps * sizeof(float), stream}, x, weight,
         bias, y, s, across, down);
}

}  // namespace vmolmo::cuda
