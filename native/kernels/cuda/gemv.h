#pragma once

#include <cstdint>

#include "native/kernels/cuda/stream.h"
#include "native/tensor/activation.h"
#include "native/tensor/weight.h"

// Products of a few rows with a weight matrix: what decoding a token costs. Bound by reading the
// weights once.
namespace vmolmo::cuda {

constexpr int64_t kGemvRows = 8;

// y [m, n] = act(x w^T + bias) + residual for 1 <= m <= kGemvRows, all f32 but the weight; rows lie
// ld* elements apart; bias and residual may be null, residual may be y.
struct Gemv {
  const float* x = nullptr;
  const void* w = nullptr;        // tensor/weight.h; plain: bf16
  const float* scales = nullptr;  // of the quantised formats
  float* y = nullptr;
  const float* bias = nullptr;
  const float* residual = nullptr;
  int64_t m = 0, n = 0, k = 0;
  int64_t ldx = 0, ldy = 0, ldr = 0;
  int64_t row_bytes = 0;  // from one row of w to the next
  int64_t group = 0;      // of the 4-bit formats
  Weight::Format format = Weight::Format::kPlain;
  Activation activation = Activation::kNone;
  // RMSNorm of every row of x first: norm [k], or null.
  const float* norm = nullptr;
  float norm_eps = 0.0f;
  // w is two matrices one after the other, n rows each: y = (x w_0^T) silu(x w_1^T), without bias,
  // residual and activation.
  bool swiglu = false;
};

// Whether the kernel takes the problem: few rows, a weight whose rows are aligned to 16 bytes,
// 4-bit groups of 64 or 128.
bool gemv_supports(const Gemv& problem);
void gemv(Stream stream, const Gemv& problem);

}  // namespace vmolmo::cuda
