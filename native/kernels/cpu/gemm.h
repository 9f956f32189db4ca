#pragma once

#include "native/base/thread_pool.h"
#include "native/kernels/cpu/kernels.h"
#include "videomolmo/tensor.h"

namespace vmolmo::cpu {

// y [m, n] = act(x W^T + bias) + residual. Everything is row-major with the given row strides (in
// elements); bias and residual may be null.
struct Gemm {
  enum class WeightLayout : uint8_t {
    kF32,        // [n, k]
    kBF16,       // [n, k], bfloat16 bits
    kF32KMajor,  // [k, n]
  };
  const float* x = nullptr;
  int64_t ldx = 0;
  const void* w = nullptr;
  int64_t ldw = 0;
  WeightLayout layout = WeightLayout::kF32;
  float* y = nullptr;
  int64_t ldy = 0;
  int64_t m = 0;
  int64_t n = 0;
  int64_t k = 0;
  const float* bias = nullptr;
  const float* residual = nullptr;
  int64_t ldr = 0;
  Unary unary = Unary::kNone;
};

void gemm(const Kernels& kernels, ThreadPool& threads, Allocator& memory, const Gemm& call);

}  // namespace vmolmo::cpu
