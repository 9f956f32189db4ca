#include "native/kernels/cuda/window_wide.h"

#include "native/kernels/cuda/launch.cuh"

// Sixteen lanes have a head of a window, four channels each: their 12 loads (8 of keys and values,
// 4 of queries) are all under way before the first is used. The 16 scores are summed over the lanes
// so that each lane ends up with one of them.
namespace vmolmo::cuda {
namespace {

constexpr int kThreads = 256;
constexpr int kLanes = 16;  // per head
constexpr int kHead = 64;

__device__ __forceinline__ float dot(const float4& a, const float4& b) {
  return a.x * b.x + a.y * b.y + a.z * b.z + a.w * b.w;
}

// COUNT values become COUNT / 2: a lane keeps the half that its bit COUNT / 2 names.
template <int COUNT>
__device__ __forceinline__ void fold(float* values, int lane) {
  constexpr int kHalf = COUNT / 2;
  const bool upper = lane & kHalf;
#pragma unroll
  for (int i = 0; i < kHalf; ++i) {
    const float keep = upper ? values[i + kHalf] : values[i];
    const float send = upper ? values[i] : values[i + kHalf];
    values[i] = keep + __shfl_xor_sync(kAllLanes, send, kHalf);
  }
}

// The sum over the 16 lanes of score `lane % (4 queries)`: query lane / 4, key lane % 4.
template <int QUERIES>
__device__ __forceinline__ float own_score(float (&scores)[QUERIES * 4], int lane) {
  if constexpr (QUERIES == 4) {
    fold<16>(scores, lane);
    fold<8>(scores, lane);
  } else {
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      scores[i] += __shfl_xor_sync(kAllLanes, scores[i], 8);
      scores[i] += __shfl_xor_sync(kAllLanes, scores[i], 4);
    }
  }
  fold<4>(scores, lane);
  fold<2>(scores, lane);
  return scores[0];
}

// Softmax over the four lanes that have the keys of one query.
__device__ __forceinline__ float own_weight(float score) {
  float top = fmaxf(score, __shfl_xor_sync(kAllLanes, score, 1));
  top = fmaxf(top, __shfl_xor_sync(kAllLanes, top, 2));
  const float weight = expf(score - top);
  float total = weight + __shfl_xor_sync(kAllLanes, weight, 1);
  total += __shfl_xor_sync(kAllLanes, total, 2);
  return weight / total;
}

template <int QUERIES>
__global__ void __launch_bounds__(kThreads) window_kernel(const WindowAttention p) {
  const int lane = static_cast<int>(threadIdx.x) % kLanes;
  const int64_t head_at = first_item() / kLanes;  // of all windows
  // The last warp may be half empty; its spare lanes repeat the last head and write nothing.
  const bool there = head_at < p.windows * p.heads;
  const int64_t at = there ? head_at : p.windows * p.heads - 1;
  const int64_t window = at / p.heads, head = at % p.heads, width = p.heads * kHead;
  const int64_t channel = head * kHead + lane * 4;
  const float* keys = p.k + window * 4 * width + channel;
  const float* values = p.v + window * 4 * width + channel;
  const float* queries = p.q + window * QUERIES * width + channel;
  float4 q[QUERIES], k[4], v[4];
#pragma unroll
  for (int i = 0; i < QUERIES; ++i)
    q[i] = __ldcs(reinterpret_cast<const float4*>(queries + i * width));
#pragma unroll
  for (int j = 0; j < 4; ++j) {
    k[j] = __ldcs(reinterpret_cast<const float4*>(keys + j * width));
    v[j] = __ldcs(reinterpret_cast<const float4*>(values + j * width));
  }
  float scores[QUERIES * 4];
#pragma unroll
  for (int i = 0; i < QUERIES; ++i) {
#pragma unroll
    for (int j = 0; j < 4; ++j) scores[i * 4 + j] = dot(q[i], k[j]);
  }
  const float weight = own_weight(own_score<QUERIES>(scores, lane) * p.scale);
#pragma unroll
  for (int i = 0; i < QUERIES; ++i) {
    float4 sum = make_float4(0.0f, 0.0f, 0.0f, 0.0f);
#pragma unroll
    for (int j = 0; j < 4; ++j) {
      const float w = __shfl_sync(kAllLanes, weight, i * 4 + j, kLanes);
      sum.x += w * v[j].x, sum.y += w * v[j].y, sum.z += w * v[j].z, sum.w += w * v[j].w;
    }
    float* to = p.out + (window * QUERIES + i) * width + channel;
    if (there) __stcs(reinterpret_cast<float4*>(to), sum);
  }
}

}  // namespace

bool window_wide_supports(const WindowAttention& p) {
  const auto aligned = [](const float* data) {
    return reinterpret_cast<uintptr_t>(data) % 16 == 0;
  };
  return p.d == kHead && (p.queries == 1 || p.queries == 4) && aligned(p.q) && aligned(p.k) &&
         aligned(p.v) && aligned(p.out);
}

void window_attention_wide(Stream stream, const WindowAttention& p) {
  const auto blocks = static_cast<unsigned>(ceil_div(p.windows * p.heads * kLanes, kThreads));
  launch(p.queries == 4 ? window_kernel<4> : window_kernel<1>, {dim3(blocks), kThreads, 0, stream},
         p);
}

}  // namespace vmolmo::cuda
