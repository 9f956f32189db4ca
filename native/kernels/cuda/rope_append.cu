#include "native/kernels/cuda/rope_append.h"

#include "native/kernels/cuda/launch.cuh"

namespace vmolmo::cuda {
namespace {

constexpr int kThreads = 256;

// A thread per pair of channels i, i + d / 2 of a head; heads in the order q, k, v.
__global__ void rope_append_kernel(const RopeAppend p) {
  const int64_t half = p.d / 2, heads = p.heads + 2 * p.kv_heads;
  const int64_t position = p.past ? *p.past : p.position;
  for (int64_t at = first_item(); at < p.rows * heads * half; at += item_step()) {
    const int64_t row = at / (heads * half), i = at % half;
    int64_t head = at / half % heads;
    const float* from = p.q + row * p.q_row;
    float* to = p.q + row * p.q_row;
    bool turn = true;
    if (head >= p.heads) {
      head -= p.heads;
      turn = head < p.kv_heads;
      if (!turn) head -= p.kv_heads;
      from = turn ? p.k + row * p.k_row : p.v + row * p.v_row;
      to = (turn ? p.cache_k : p.cache_v) + (position + row) * p.kv_heads * p.d;
    }
    const float low = from[head * p.d + i], high = from[head * p.d + half + i];
    const float c = turn ? p.cos[(position + row) * half + i] : 1.0f;
    const float s = turn ? p.sin[(position + row) * half + i] : 0.0f;
    to[head * p.d + i] = low * c - high * s;
    to[head * p.d + half + i] = high * c + low * s;
  }
}

}  // namespace

void rope_append(Stream stream, const RopeAppend& p) {
  const int64_t pairs = p.rows * (p.heads + 2 * p.kv_heads) * (p.d / 2);
  launch(rope_append_kernel, {grid_for(pairs, kThreads), kThreads, 0, stream}, p);
}

}  // namespace vmolmo::cuda
