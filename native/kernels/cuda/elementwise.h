#pragma once

#include <cstdint>

#include "native/kernels/cuda/stream.h"
#include "native/tensor/activation.h"

// f32 throughout unless a comment says otherwise; contiguous; out may be an input.
namespace vmolmo::cuda {

// out[i] = a[i] + scale * b[i % period].
void add(Stream stream, const float* a, const float* b, float scale, float* out, int64_t count,
         int64_t period);
// out[i] = a[i] * b[i % period].
void multiply(Stream stream, const float* a, const float* b, float* out, int64_t count,
              int64_t period);
// out = x * scale + shift.
void affine(Stream stream, const float* x, float scale, float shift, float* out, int64_t count);
void activate(Stream stream, const float* x, float* out, int64_t count, Activation activation);
// out [rows, n] = up * silu(gate), rows of the inputs `stride` elements apart.
void swiglu(Stream stream, const float* up, int64_t up_stride, const float* gate,
            int64_t gate_stride, float* out, int64_t rows, int64_t n);
// mean += (x - mean) * weight.
void lerp(Stream stream, float* mean, const float* x, float weight, int64_t count);
void clamp(Stream stream, const float* x, float low, float high, float* out, int64_t count);
void fill(Stream stream, float* out, float value, int64_t count);
// out [outer, inner] = the mean of x [outer, count, inner] over the middle axis.
void mean_axis(Stream stream, const float* x, float* out, int64_t outer, int64_t count,
               int64_t inner);

// Types: words of bf16, or bytes.
void round_to_bf16(Stream stream, const float* x, uint16_t* out, int64_t count);
void widen_bf16(Stream stream, const uint16_t* x, float* out, int64_t count);
// Every value to the nearest bf16 and back.
void round_values(Stream stream, float* x, int64_t count);
// out = byte != 0.
void bytes_to_float(Stream stream, const uint8_t* x, float* out, int64_t count);
// out = x > threshold, or x >= threshold, as 0 or 1.
void step(Stream stream, const float* x, float threshold, bool inclusive, float* out,
          int64_t count);
void threshold(Stream stream, const float* x, float threshold, uint8_t* out, int64_t count);
// out = x <= limit.
void at_most(Stream stream, const float* x, float limit, uint8_t* out, int64_t count);

}  // namespace vmolmo::cuda
