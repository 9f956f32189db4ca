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
    kInt8,       // [n, k], quantised: `quant` instead of w and ldw
    kNibbles,    // the same with 4-bit codes
  };
  // Which kernel runs. The last bits of a row's result depend on the kernel and on nothing else:
  // not on the other rows, their number or the threads.
  enum class Path : uint8_t {
    kAuto,    // the faster one for m rows
    kStream,  // row by row from the weights as they lie; not for kF32KMajor
    kPacked,  // register tiles over packed panels
  };
  const float* x = nullptr;
  int64_t ldx = 0;
  const void* w = nullptr;
  int64_t ldw = 0;
  QuantRows quant;
  WeightLayout layout = WeightLayout::kF32;
  Path path = Path::kAuto;
  float* y = nullptr;
  int64_t ldy = 0;
  int64_t m = 0;
  int64_t n = 0;
  int64_t k = 0;
  const float* bias = nullptr;
  const float* residual = nullptr;
  int64_t ldr = 0;
  Activation activation = Activation::kNone;
};

void gemm(const Kernels& kernels, ThreadPool& threads, Allocator& memory, const Gemm& call);

}  // namespace vmolmo::cpu
