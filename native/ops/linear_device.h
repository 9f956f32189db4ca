#pragma once

#include "native/ops/context.h"
#include "native/ops/rows.h"
#include "native/tensor/activation.h"
#include "native/tensor/weight.h"

namespace vmolmo::ops {

struct RowNorm;

struct DeviceLinear {
  const Tensor& x;  // rows of a dense last axis, x_stride elements apart, f32 or bf16
  int64_t x_stride;
  const Weight& weight;
  const Tensor& bias;      // f32 or empty
  const Tensor& residual;  // f32, contiguous, or empty
  Activation activation;
  RowPath path;
  bool swiglu = false;  // linear_swiglu()'s product: weight has twice the rows that y has columns
  const RowNorm* norm = nullptr;  // of x before the product; normed_on_device() alone takes it
};

// y [.., n] = act(x W^T + b) + residual on a GPU, y contiguous, f32 or bf16; by the kernel that
// choose_linear() names.
void linear_on_device(Context& context, const DeviceLinear& layer, const Tensor& y);

// linear_swiglu() in one pass over the weight. False, with nothing done, where no kernel that does
// so is the choice.
bool swiglu_on_device(Context& context, const Tensor& x, int64_t x_stride, const Weight& weight,
                      RowPath path, const Tensor& y);

// The product of rms_norm(x) in one pass, y f32. False, with nothing done, where the kernel that
// norms its rows itself is not the choice.
bool normed_on_device(Context& context, const DeviceLinear& layer, const Tensor& y);

}  // namespace vmolmo::ops
