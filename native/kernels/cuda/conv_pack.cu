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
__global__ void picture_kernel(PackedPicture p) {
  const auto packed = static_cast<uint32_t>(p.packed), lines = static_cast<uint32_t>(p.lines);
  const uint32_t chunks = static_cast<uint32_t>(p.columns) * packed / kChunk;
  const int64_t count = p.batch * p.lines * chunks;
  for (int64_t at = first_item(); at < count; at += item_step()) {
    const uint32_t row = static_cast<uint32_t>(at) / chunks;
    const uint32_t element = (static_cast<uint32_t>(at) - row * chunks) * kChunk;
    const uint32_t image = row / lines;
    const int64_t y = int64_t{row - image * lines} - p.padding;
    const float* line = p.x + (image * p.height + y) * p.width * p.channels;
    const bool inside = y >= 0 && y < p.height;
    float v[kChunk] = {};
    if constexpr (kWhole) {
      const int64_t x = int64_t{element / packed} - p.padding;
      if (inside && x >= 0 && x < p.width) load_chunk(line + x * p.channels + element % packed, v);
    } else {
#pragma unroll
      for (int i = 0; i < kChunk; ++i) {
        const int64_t x = int64_t{(element + i) / packed} - p.padding;
        const uint32_t channel = (element + i) % packed;
        if (inside && x >= 0 && x < p.width && channel < p.channels)
          v[i] = line[x * p.channels + channel];
      }
    }
    store_chunk(p.y + at * kChunk, v);
  }
}

__global__ void kernel_kernel(PackedKernel p) {
  const int64_t count = p.out * p.kernel_h * p.run;
  for (int64_t at = first_item(); at < count; at += item_step()) {
    const int64_t element = at % p.run, ky = at / p.run % p.kernel_h, o = at / p.run / p.kernel_h;
    const int64_t kx = element / p.packed, c = element % p.packed;
    const bool inside = kx < p.kernel_w && c < p.in;
    const float value =
        inside ? p.weight[((o * p.in + c) * p.kernel_h + ky) * p.kernel_w + kx] : 0.0f;
    reinterpret_cast<__nv_bfloat16*>(p.y)[at] = __float2bfloat16(value);
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

void pack_picture(Stream stream, const PackedPicture& p) {
  const int64_t count = p.batch * p.lines * p.columns * p.packed / kChunk;
  const LaunchShape shape{grid_for(count, kThreads), kThreads, 0, stream};
  const bool whole = p.channels == p.packed && p.packed % kChunk == 0 &&
                     reinterpret_cast<uintptr_t>(p.x) % 16 == 0;
  launch(whole ? picture_kernel<true> : picture_kernel<false>, shape, p);
}

void pack_kernel(Stream stream, const PackedKernel& p) {
  launch(kernel_kernel, {grid_for(p.out * p.kernel_h * p.run, kThreads), kThreads, 0, stream}, p);
}

void pack_transposed(Stream stream, const float* weight, const float* bias, uint16_t* y,
                     float* biases, int64_t in, int64_t out, int64_t ld) {
  launch(transposed_kernel, {grid_for(4 * out * ld, kThreads), kThreads, 0, stream}, weight, bias,
         y, biases, in, out, ld);
}

}  // namespace vmolmo::cuda
