#pragma once

#include "native/ops/context.h"
#include "native/ops/rows.h"
#include "native/tensor/weight.h"

namespace vmolmo::ops {

struct RowNorm {
  const Tensor& weight;  // f32
  float eps;
};

// linear() and linear_swiglu() of rms_norm(x), x [N, in] f32. On a GPU few or streamed rows are
// normed by the kernel that reads the weight, which takes the root mean square behind the product,
// so that the last bits are not those of rms_norm() followed by the product.
Tensor normed_linear(Context& context, const Tensor& x, const RowNorm& norm, const Weight& weight,
                     const Tensor& bias, RowPath path);
Tensor normed_swiglu(Context& context, const Tensor& x, const RowNorm& norm, const Weight& weight,
                     RowPath path);

}  // namespace vmolmo::ops
