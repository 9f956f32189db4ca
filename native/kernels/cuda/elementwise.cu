#include "native/kernels/cuda/elementwise.h"

#include "native/kernels/cuda/activation.cuh"
#include "native/kernels/cuda/launch.cuh"

namespace vmolmo::cuda {
namespace {

constexpr int kThreads = 256;

// out[i] = function(i): every elementwise kernel is one of these.
template <typename Out, typename Function>
__global__ void map_kernel(Out* out, int64_t count, Function function) {
  for (int64_t i = first_item(); i < count; i += item_step()) out[i] = function(i);
}

template <typename Out, typename Function>
void map(Stream stream, Out* out, int64_t count, const Function& function) {
  launch(map_kernel<Out, Function>, {grid_for(count, kThreads), kThreads, 0, stream}, out, count,
         function);
}

struct Add {
  const float *a, *b;
  float scale;
  int64_t period;
  __device__ float operator()(int64_t i) const { return a[i] + scale * b[i % period]; }
};
struct Multiply {
  const float *a, *b;
  int64_t period;
  __device__ float operator()(int64_t i) const { return a[i] * b[i % period]; }
};
struct Affine {
  const float* x;
  float scale, shift;
  __device__ float operator()(int64_t i) const { return x[i] * scale + shift; }
};
struct Activate {
  const float* x;
  Activation activation;
  __device__ float operator()(int64_t i) const { return cuda::activate(x[i], activation); }
};
struct Swiglu {
  const float *up, *gate;
  int64_t up_stride, gate_stride, n;
  __device__ float operator()(int64_t i) const {
    const int64_t row = i / n, column = i % n;
    const float g = gate[row * gate_stride + column];
    return up[row * up_stride + column] * (g * sigmoid(g));
  }
};
struct Lerp {
  const float *mean, *x;
  float weight;
  __device__ float operator()(int64_t i) const { return mean[i] + (x[i] - mean[i]) * weight; }
};
struct Clamp {
  const float* x;
  float low, high;
  // NaN stays NaN, as on the CPU.
  __device__ float operator()(int64_t i) const {
    const float value = x[i];
    return value < low ? low : high < value ? high : value;
  }
};
struct Fill {
  float value;
  __device__ float operator()(int64_t) const { return value; }
};
struct MeanAxis {
  const float* x;
  int64_t count, inner;
  __device__ float operator()(int64_t i) const {
    const float* first = x + i / inner * count * inner + i % inner;
    float sum = 0.0f;
    for (int64_t c = 0; c < count; ++c) sum += first[c * inner];
    return sum * (1.0f / static_cast<float>(count));
  }
};
struct RoundToBf16 {
  const float* x;
  __device__ uint16_t operator()(int64_t i) const {
    return __bfloat16_as_ushort(__float2bfloat16(x[i]));
  }
};
struct WidenBf16 {
  const uint16_t* x;
  __device__ float operator()(int64_t i) const {
    return __uint_as_float(static_cast<uint32_t>(x[i]) << 16);
  }
};
struct RoundValues {
  const float* x;
  __device__ float operator()(int64_t i) const { return __bfloat162float(__float2bfloat16(x[i])); }
};
struct BytesToFloat {
  const uint8_t* x;
  __device__ float operator()(int64_t i) const { return x[i] != 0 ? 1.0f : 0.0f; }
};
struct Step {
  const float* x;
  float threshold;
  bool inclusive;
  __device__ float operator()(int64_t i) const {
    return (inclusive ? x[i] >= threshold : x[i] > threshold) ? 1.0f : 0.0f;
  }
};
struct Threshold {
  const float* x;
  float threshold;
  __device__ uint8_t operator()(int64_t i) const { return x[i] > threshold ? 1 : 0; }
};
struct AtMost {
  const float* x;
  float limit;
  __device__ uint8_t operator()(int64_t i) const { return x[i] <= limit ? 1 : 0; }
};

}  // namespace

void add(Stream stream, const float* a, const float* b, float scale, float* out, int64_t count,
         int64_t period) {
  map(stream, out, count, Add{a, b, scale, period});
}
void multiply(Stream stream, const float* a, const float* b, float* out, int64_t count,
              int64_t period) {
  map(stream, out, count, Multiply{a, b, period});
}
void affine(Stream stream, const float* x, float scale, float shift, float* out, int64_t count) {
  map(stream, out, count, Affine{x, scale, shift});
}
void activate(Stream stream, const float* x, float* out, int64_t count, Activation activation) {
  map(stream, out, count, Activate{x, activation});
}
void swiglu(Stream stream, const float* up, int64_t up_stride, const float* gate,
            int64_t gate_stride, float* out, int64_t rows, int64_t n) {
  map(stream, out, rows * n, Swiglu{up, gate, up_stride, gate_stride, n});
}
void lerp(Stream stream, float* mean, const float* x, float weight, int64_t count) {
  map(stream, mean, count, Lerp{mean, x, weight});
}
void clamp(Stream stream, const float* x, float low, float high, float* out, int64_t count) {
  map(stream, out, count, Clamp{x, low, high});
}
void fill(Stream stream, float* out, float value, int64_t count) {
  map(stream, out, count, Fill{value});
}
void mean_axis(Stream stream, const float* x, float* out, int64_t outer, int64_t count,
               int64_t inner) {
  map(stream, out, outer * inner, MeanAxis{x, count, inner});
}
void round_to_bf16(Stream stream, const float* x, uint16_t* out, int64_t count) {
  map(stream, out, count, RoundToBf16{x});
}
void widen_bf16(Stream stream, const uint16_t* x, float* out, int64_t count) {
  map(stream, out, count, WidenBf16{x});
}
void round_values(Stream stream, float* x, int64_t count) { map(stream, x, count, RoundValues{x}); }
void bytes_to_float(Stream stream, const uint8_t* x, float* out, int64_t count) {
  map(stream, out, count, BytesToFloat{x});
}
void step(Stream stream, const float* x, float threshold, bool inclusive, float* out,
          int64_t count) {
  map(stream, out, count, Step{x, threshold, inclusive});
}
void threshold(Stream stream, const float* x, float threshold, uint8_t* out, int64_t count) {
  map(stream, out, count, Threshold{x, threshold});
}
void at_most(Stream stream, const float* x, float limit, uint8_t* out, int64_t count) {
  map(stream, out, count, AtMost{x, limit});
}

}  // namespace vmolmo::cuda
