#include "native/kernels/cuda/conv_pack.h"

#include "native/kernels/cuda/tile.cuh"

namespace vmolmo::cuda {
namespace {

constexpr int kThreads = 256;

// Eight values as one 16-byte store.
__device__ __forceinline__ void store_chunk(uint16_t* to, const float (&v)[kChunk]) {
  *reinterpret_cast<uint4*>(to) = make_uint4(pack_bf16(v[0], v[1]), pack_bf16(v[2], v[3]),
                                             pack_bf16(v[4], v[5]), pack_bf16(v[6], v[7]));
}

__device__ __forceinline__ void load_chunk(const float* from, float (&v)[kChunk]) {
  const auto* quads = reinterpret_cast<const float4*>(from);
  const float4 low = quads[0], high = quads[1];
  v[0] = low.x, v[1] = low.y, v[2] = low.z, v[3] = low.w;
  v[4] = high.x, v[5] = high.y, v[6] = high.z, v[7] = high.w;
}

// A thread makes eight neighbouring elements of a line; they are one pixel's where the channels
// come in eights (kWhole), as in all inner layers.
template <bool kWhole>
__global__ void picture_kernel(const float* x, uint16_t* to, ConvPacking p, int64_t pictures) {
  const ConvShape& s = p.shape;
  const auto channels = static_cast<uint32_t>(p.channels), lines = static_cast<uint32_t>(p.lines);
  const uint32_t chunks = static_cast<uint32_t>(p.columns) * channels / kChunk;
  const int64_t count = pictures * p.lines * chunks;
  for (int64_t at = first_item(); at < count; at += item_step()) {
    const uint32_t row = static_cast<uint32_t>(at) / chunks;
    const uint32_t element = (static_cast<uint32_t>(at) - row * chunks) * kChunk;
    const uint32_t image = row / lines;
    const int64_t y = int64_t{row - image * lines} - s.padding;
    const float* line = x + (image * s.height + y) * s.width * s.in;
    const bool inside = y >= 0 && y < s.height;
    float v[kChunk] = {};
    if constexpr (kWhole) {
      const int64_t column = int64_t{element / channels} - s.padding;
      if (inside && column >= 0 && column < s.width)
        load_chunk(line + column * s.in + element % channels, v);
    } else {
#pragma unroll
      for (int i = 0; i < kChunk; ++i) {
        const int64_t column = int64_t{(element + i) / channels} - s.padding;
        const uint32_t channel = (element + i) % channels;
        if (inside && column >= 0 && column < s.width && channel < s.in)
          v[i] = line[column * s.in + channel];
      }
    }
    store_chunk(to + at * kChunk, v);
  }
}

__global__ void kernel_kernel(const float* weight, uint16_t* to, ConvPacking p) {
  const ConvShape& s = p.shape;
  const int64_t count = s.out * s.kernel_h * p.run;
  for (int64_t at = first_item(); at < count; at += item_step()) {
    const int64_t element = at % p.run, ky = at / p.run % s.kernel_h, o = at / p.run / s.kernel_h;
    const int64_t kx = element / p.channels, c = element % p.channels;
    const bool inside = kx < s.kernel_w && c < s.in;
    const float value =
        inside ? weight[((o * s.in + c) * s.kernel_h + ky) * s.kernel_w + kx] : 0.0f;
    reinterpret_cast<__nv_bfloat16*>(to)[at] = __float2bfloat16(value);
  }
}

__global__ void transposed_kernel(const float* weight, const float* bias, uint16_t* y,
                                  float* biases, int64_t in, int64_t out, int64_t ld) {
  for (int64_t at = first_item(); at < 4 * out * ld; at += item_step()) {
    const int64_t c = at % ld, row = at / ld, corner = row / out, o = row % out;
    const float value = c < in ? weight[(c * out + o) * 4 + corner] : 0.0f;
    reinterpret_cast<__nv_bfloat16*>(y)[at] = __float2bfloat16(value);
    if (c == 0) biases[row] = bias ? bias[o] : 0.0f;
  }
}

}  // namespace

ConvPacking::ConvPacking(const ConvShape& of) : shape(of), channels(of.in) {
  while (channels * of.stride % kChunk != 0) ++channels;
  run = ceil_div(of.kernel_w * channels, kChunk) * kChunk;
  lines = (of.out_height - 1) * of.stride + of.kernel_h;
  columns = (of.out_width - 1) * of.stride + ceil_div(run, channels);
  while (columns * channels % kChunk != 0) ++columns;
}

RowMap ConvPacking::patches() const {
  const int64_t line = columns * channels;
  return {shape.out_width,
          shape.out_height,
          shape.stride * channels,
          shape.stride * line,
          picture(),
          run,
          line};
}

void pack_pictures(Stream stream, const ConvPacking& packing, const float* x, int64_t count,
                   uint16_t* y) {
  const LaunchShape shape{grid_for(count * packing.picture() / kChunk, kThreads), kThreads, 0,
                          stream};
  const bool whole = packing.channels == packing.shape.in && packing.channels % kChunk == 0 &&
                     reinterpret_cast<uintptr_t>(x) % 16 == 0;
  launch(whole ? picture_kernel<true> : picture_kernel<false>, shape, x, y, packing, count);
}

void pack_kernel(Stream stream, const ConvPacking& packing, const float* weight, uint16_t* y) {
  const int64_t count = packing.shape.out * packing.patch();
  launch(kernel_kernel, {grid_for(count, kThreads), kThreads, 0, stream}, weight, y, packing);
}

void pack_transposed(Stream stream, const float* weight, const float* bias, uint16_t* y,
                     float* biases, int64_t in, int64_t out, int64_t ld) {
  launch(transposed_kernel, {grid_for(4 * out * ld, kThreads), kThreads, 0, stream}, weight, bias,
         y, biases, in, out, ld);
}

}  // namespace vmolmo::cuda
