#pragma once

#include "native/ops/context.h"
#include "native/tensor/activation.h"

namespace vmolmo::ops {

Tensor activate(Context& context, const Tensor& x, Activation activation);

// out[..., i] = up[..., i] * silu(gate[..., i]); the inputs may be strided views of one
// projection (last axis contiguous).
Tensor swiglu(Context& context, const Tensor& up, const Tensor& gate);

}  // namespace vmolmo::ops
