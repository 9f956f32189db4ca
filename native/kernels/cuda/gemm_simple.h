#pragma once

#include <cstdint>

#include "native/kernels/cuda/stream.h"
#include "native/tensor/activation.h"

namespace vmolmo::cuda {

// y [m, n] = act(x w^T + bias) + residual in f32 without tensor cores: the reference on the device,
// and what serves shapes and types that nothing faster takes. Rows lie ld* elements apart; bias and
// residual may be null, residual may be y. Batched: entry i starts i * batch_* elements further.
struct SimpleGemm {
  enum class Weight : uint8_t {
    kF32,        // w [n, k]
    kBF16,       // the same, bf16 words
    kF32KMajor,  // w [k, n]
    kInt8,       // native/tensor/weight.h, w being the codes and ldw the bytes of a row
    kInt4,
    kFp4,
  };
  const float* x = nullptr;
  const void* w = nullptr;
  float* y = nullptr;
  const float* bias = nullptr;
  const float* residual = nullptr;
  int64_t m = 0, n = 0, k = 0;
  int64_t ldx = 0, ldw = 0, ldy = 0, ldr = 0;
  Weight weight = Weight::kF32;
  const float* scales = nullptr;  // of the quantised kinds
  int64_t scale_stride = 0;       // from one row's scales to the next
  int64_t group = 0;
  Activation activation = Activation::kNone;
  int64_t batch = 1, batch_x = 0, batch_w = 0, batch_y = 0;
};

void gemm_simple(Stream stream, const SimpleGemm& problem);

}  // namespace vmolmo::cuda
