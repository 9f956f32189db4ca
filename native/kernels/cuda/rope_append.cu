#include "native/kernels/cuda/rope_append.h"

#include "native/kernels/cuda/launch.cuh"

namespace vmolmo::cuda {
namespace {

constexpr int kThreads = 256;

__device__ __forceinline__ void store(float* to, float value) { *to = value; }
__device__ __forceinline__ void store(__nv_bfloat16* to, float value) {
  *to = __float2bfloat16(value);
}

// The pair of channels `at`, `at` + half of a row, turned; c = 1 and s = 0 leave it as it is.
template <typename T>
__device__ __forceinline__ void turn(const float* from, T* to, int64_t at, int64_t half, float c,
                                     float s) {
  const float low = from[at], high = from[at + half];
  store(to + at, low * c - high * s);
  store(to + at + half, high * c + low * s);
}

// A thread per pair of channels i, i + d / 2 of a head; the heads of q, then of k, then of v.
template <typename T>
__global__ void rope_append_kernel(const RopeAppend p) {
  const int64_t half = p.d / 2, heads = p.heads + 2 * p.kv_heads;
  for (int64_t item = first_item(); item < p.rows * heads * half; item += item_step()) {
    const int64_t row = item / (heads * half), i = item % half, head = item / half % heads;
    const int64_t place = p.positions ? p.positions[row] : p.position + row;
    const float c = p.cos[place * half + i], s = p.sin[place * half + i];
    if (head < p.heads) {
      float* q = p.q + row * p.q_row;
      turn(q, q, head * p.d + i, half, c, s);
      continue;
    }
    const int64_t offset = (p.slots ? p.slots[row] * p.slot_step : 0) + place * p.kv_heads * p.d;
    const int64_t own = head - p.heads;
    if (own < p.kv_heads) {
      turn(p.k + row * p.k_row, static_cast<T*>(p.cache_k) + offset, own * p.d + i, half, c, s);
    } else {
      turn(p.v + row * p.v_row, static_cast<T*>(p.cache_v) + offset, (own - p.kv_heads) * p.d + i,
           half, 1.0f, 0.0f);
    }
  }
}

}  // namespace

void rope_append(Stream stream, const RopeAppend& p) {
  const int64_t pairs = p.rows * (p.heads + 2 * p.kv_heads) * p.d / 2;
  const LaunchShape shape{grid_for(pairs, kThreads), kThreads, 0, stream};
  if (p.bf16)
    launch(rope_append_kernel<__nv_bfloat16>, shape, p);
  else
    launch(rope_append_kernel<float>, shape, p);
}

}  // namespace vmolmo::cuda
