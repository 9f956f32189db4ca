#include "native/kernels/cuda/rope_append.h"

#include "native/kernels/cuda/launch.cuh"

namespace vmolmo::cuda {
namespace {

constexpr int kThreads = 256;

// A thread per pair of channels i, i + d / 2 of a head; the heads of k, then those of v.
__global__ void rope_append_kernel(const RopeAppend p) {
  const int64_t half = p.d / 2, width = p.kv_heads * p.d;
  for (int64_t at = first_item(); at < p.rows * width; at += item_step()) {
    const int64_t row = at / width, i = at % half;
    const int64_t head = at / half % (2 * p.kv_heads), place = p.position + row;
    const bool turn = head < p.kv_heads;
    const int64_t low_at = (turn ? head : head - p.kv_heads) * p.d + i, high_at = low_at + half;
    const float* from = turn ? p.k + row * p.k_row : p.v + row * p.v_row;
    float* to = (turn ? p.cache_k : p.cache_v) + place * width;
    const float low = from[low_at], high = from[high_at];
    const float c = turn ? p.cos[place * half + i] : 1.0f;
    const float s = turn ? p.sin[place * half + i] : 0.0f;
    to[low_at] = turn ? low * c - high * s : low;
    to[high_at] = turn ? high * c + low * s : high;
  }
}

}  // namespace

void rope_append(Stream stream, const RopeAppend& p) {
  const int64_t pairs = p.rows * p.kv_heads * p.d;
  launch(rope_append_kernel, {grid_for(pairs, kThreads), kThreads, 0, stream}, p);
}

}  // namespace vmolmo::cuda
