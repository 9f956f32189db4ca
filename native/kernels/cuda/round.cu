#include "native/kernels/cuda/round.h"

#include "native/kernels/cuda/tile.cuh"

namespace vmolmo::cuda {
namespace {

constexpr int kThreads = 256;

// The 16-byte piece of the first `count` values (all that there are from 8 on) and zeros.
__device__ __forceinline__ uint4 load_piece(const float* from, int64_t count, bool aligned) {
  float v[kChunk];
  if (aligned && count >= kChunk) {
    const float4 low = reinterpret_cast<const float4*>(from)[0];
    const float4 high = reinterpret_cast<const float4*>(from)[1];
    v[0] = low.x, v[1] = low.y, v[2] = low.z, v[3] = low.w;
    v[4] = high.x, v[5] = high.y, v[6] = high.z, v[7] = high.w;
  } else {
    for (int i = 0; i < kChunk; ++i) v[i] = i < count ? from[i] : 0.0f;
  }
  return make_uint4(pack_bf16(v[0], v[1]), pack_bf16(v[2], v[3]), pack_bf16(v[4], v[5]),
                    pack_bf16(v[6], v[7]));
}
__device__ __forceinline__ uint4 load_piece(const uint16_t* from, int64_t count, bool aligned) {
  if (aligned && count >= kChunk) return *reinterpret_cast<const uint4*>(from);
  uint32_t v[kChunk];
  for (int i = 0; i < kChunk; ++i) v[i] = i < count ? from[i] : 0u;
  return make_uint4(v[0] | v[1] << 16, v[2] | v[3] << 16, v[4] | v[5] << 16, v[6] | v[7] << 16);
}

// Eight channels per thread.
template <typename T>
__global__ void round_heads_kernel(const T* from, int64_t row_step, int64_t head_step, uint16_t* to,
                                   int64_t rows, int64_t heads, int64_t d, int64_t padded,
                                   bool aligned) {
  const int64_t chunks = padded / kChunk;
  for (int64_t at = first_item(); at < rows * heads * chunks; at += item_step()) {
    const int64_t row = at / (heads * chunks), head = at / chunks % heads;
    const int64_t column = at % chunks * kChunk;
    reinterpret_cast<uint4*>(to)[at] =
        load_piece(from + row * row_step + head * head_step + column, d - column, aligned);
  }
}

template <typename T>
void launch_round(Stream stream, const T* from, int64_t row_step, int64_t head_step, uint16_t* to,
                  int64_t rows, int64_t heads, int64_t d, int64_t padded) {
  constexpr int64_t kStep = 16 / sizeof(T);
  const bool aligned = reinterpret_cast<uintptr_t>(from) % 16 == 0 && row_step % kStep == 0 &&
                       head_step % kStep == 0;
  launch(round_heads_kernel<T>,
         {grid_for(rows * heads * padded / kChunk, kThreads), kThreads, 0, stream}, from, row_step,
         head_step, to, rows, heads, d, padded, aligned);
}

}  // namespace

void round_heads(Stream stream, const float* from, int64_t row_step, int64_t head_step,
                 uint16_t* to, int64_t rows, int64_t heads, int64_t d, int64_t padded) {
  launch_round(stream, from, row_step, head_step, to, rows, heads, d, padded);
}
void round_heads(Stream stream, const uint16_t* from, int64_t row_step, int64_t head_step,
                 uint16_t* to, int64_t rows, int64_t heads, int64_t d, int64_t padded) {
  launch_round(stream, from, row_step, head_step, to, rows, heads, d, padded);
}

}  // namespace vmolmo::cuda
