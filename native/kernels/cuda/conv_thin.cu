#include "native/kernels/cuda/conv_thin.h"

#include "native/kernels/cuda/activation.cuh"
#include "native/kernels/cuda/launch.cuh"

// A thread makes all channels of one output pixel. The weights lie in shared memory in the order in
// which the pixels under a kernel line lie, so that a line is one loop without branches.
namespace vmolmo::cuda {
namespace {

constexpr int kThreads = 128;
constexpr int64_t kMostOut = 16;
constexpr int64_t kWeightFloats = 4096;

int64_t taps(const ConvShape& s) { return s.kernel_h * s.kernel_w * s.in; }

// weight [out, in, kh, kw] -> [kh, kw, in, OUT], zero behind `out`.
template <int OUT>
__device__ __forceinline__ void stage_weights(const ThinConv& p, float* staged, int64_t count) {
  const ConvShape& s = p.shape;
  for (int64_t i = threadIdx.x; i < count * OUT; i += kThreads) {
    const int64_t o = i % OUT, c = i / OUT % s.in, tap = i / OUT / s.in;
    staged[i] = o < s.out ? p.weight[(o * s.in + c) * s.kernel_h * s.kernel_w + tap] : 0.0f;
  }
}

template <int OUT>
__device__ __forceinline__ void add_tap(float (&sums)[OUT], float value, const float* weights) {
  if constexpr (OUT % 4 == 0) {
#pragma unroll
    for (int o = 0; o < OUT; o += 4) {
      const float4 w = *reinterpret_cast<const float4*>(weights + o);
      sums[o] += value * w.x, sums[o + 1] += value * w.y;
      sums[o + 2] += value * w.z, sums[o + 3] += value * w.w;
    }
  } else {
#pragma unroll
    for (int o = 0; o < OUT; ++o) sums[o] += value * weights[o];
  }
}

// The sums of the pixel at (oy, ox); kQuads: every run under a kernel line is made of aligned
// quads.
template <int OUT, bool kQuads>
__device__ __forceinline__ void convolve(const ThinConv& p, const float* image, int64_t oy,
                                         int64_t ox, const float* weights, float (&sums)[OUT]) {
  const ConvShape& s = p.shape;
  const int64_t top = oy * s.stride - s.padding, left = ox * s.stride - s.padding;
  const int64_t x0 = max(-left, int64_t{0}), x1 = min(s.kernel_w, s.width - left);
  const int run = static_cast<int>((x1 - x0) * s.in);
  for (int64_t ky = max(-top, int64_t{0}); ky < min(s.kernel_h, s.height - top); ++ky) {
    const float* from = image + ((top + ky) * s.width + left + x0) * s.in;
    const float* w = weights + (ky * s.kernel_w + x0) * s.in * OUT;
    if constexpr (kQuads) {
#pragma unroll 2
      for (int i = 0; i < run; i += 4) {
        const float4 v = *reinterpret_cast<const float4*>(from + i);
        add_tap(sums, v.x, w + i * OUT);
        add_tap(sums, v.y, w + (i + 1) * OUT);
        add_tap(sums, v.z, w + (i + 2) * OUT);
        add_tap(sums, v.w, w + (i + 3) * OUT);
      }
    } else {
#pragma unroll 4
      for (int i = 0; i < run; ++i) add_tap(sums, from[i], w + i * OUT);
    }
  }
}

// Two passes, as in norm.cu.
template <int OUT>
__device__ __forceinline__ void normalise(const ThinConv& p, float (&v)[OUT]) {
  const auto out = static_cast<int>(p.shape.out);
  float sum = 0.0f, square = 0.0f;
#pragma unroll
  for (int o = 0; o < OUT; ++o) sum += o < out ? v[o] : 0.0f;
  const float mean = sum / static_cast<float>(out);
#pragma unroll
  for (int o = 0; o < OUT; ++o) square += o < out ? (v[o] - mean) * (v[o] - mean) : 0.0f;
  const float inverse = 1.0f / sqrtf(square / static_cast<float>(out) + p.eps);
#pragma unroll
  for (int o = 0; o < OUT; ++o) {
    if (o < out) v[o] = (v[o] - mean) * inverse * p.norm_weight[o] + p.norm_bias[o];
  }
}

template <int OUT>
__device__ __forceinline__ void store(const ThinConv& p, int64_t pixel, float (&v)[OUT]) {
#pragma unroll
  for (int o = 0; o < OUT; ++o) v[o] = activate(v[o], p.activation);
  float* to = p.y + pixel * p.shape.out;
  if (OUT % 4 == 0 && p.shape.out == OUT) {  // y is aligned as every tensor's begin is
#pragma unroll
    for (int o = 0; o + 3 < OUT; o += 4)
      *reinterpret_cast<float4*>(to + o) = make_float4(v[o], v[o + 1], v[o + 2], v[o + 3]);
    return;
  }
#pragma unroll
  for (int o = 0; o < OUT; ++o)
    if (o < p.shape.out) to[o] = v[o];
}

template <int OUT, bool kQuads>
__global__ void __launch_bounds__(kThreads) thin_kernel(ThinConv p, int64_t pixels) {
  float* weights = dynamic_shared<float>();
  const ConvShape& s = p.shape;
  stage_weights<OUT>(p, weights, s.kernel_h * s.kernel_w * s.in);
  __syncthreads();
  for (int64_t pixel = first_item(); pixel < pixels; pixel += item_step()) {
    const int64_t line = pixel / s.out_width, image = line / s.out_height;
    float sums[OUT];
#pragma unroll
    for (int o = 0; o < OUT; ++o) sums[o] = p.bias && o < s.out ? p.bias[o] : 0.0f;
    convolve<OUT, kQuads>(p, p.x + image * s.height * s.width * s.in, line % s.out_height,
                          pixel % s.out_width, weights, sums);
    if (p.norm_weight) normalise(p, sums);
    store(p, pixel, sums);
  }
}

// Whether every run under a kernel line is made of quads that start at 16 bytes.
bool runs_of_quads(const ThinConv& p) {
  const ConvShape& s = p.shape;
  if (reinterpret_cast<uintptr_t>(p.x) % 16 != 0) return false;
  const bool whole_runs = s.padding == 0 && s.kernel_w * s.in % 4 == 0 && s.stride * s.in % 4 == 0;
  return s.in % 4 == 0 || (whole_runs && s.width * s.in % 4 == 0);
}

template <int OUT>
void launch_thin(Stream stream, const ThinConv& p) {
  const int64_t pixels = p.shape.batch * p.shape.out_height * p.shape.out_width;
  const LaunchShape shape{grid_for(pixels, kThreads), kThreads,
                          static_cast<size_t>(taps(p.shape)) * OUT * sizeof(float), stream};
  launch(runs_of_quads(p) ? thin_kernel<OUT, true> : thin_kernel<OUT, false>, shape, p, pixels);
}

}  // namespace

bool conv_thin_supports(const ConvShape& shape) {
  return shape.out <= kMostOut && taps(shape) * kMostOut <= kWeightFloats;
}

void conv_thin(Stream stream, const ThinConv& conv) {
  if (conv.shape.out == 1) return launch_thin<1>(stream, conv);
  if (conv.shape.out <= 4) return launch_thin<4>(stream, conv);
  launch_thin<16>(stream, conv);
}

}  // namespace vmolmo::cuda
