#pragma once

#include "native/ops/context.h"

namespace vmolmo::ops {

enum class Activation : uint8_t {
  kNone,
  kRelu,
  kGelu,       // exact, x/2 (1 + erf(x / sqrt 2))
  kQuickGelu,  // x sigmoid(1.702 x)
  kSilu,       // x sigmoid(x)
  kSigmoid,
};

Tensor activate(Context& context, const Tensor& x, Activation activation);

// out[..., i] = up[..., i] * silu(gate[..., i]); the inputs may be strided views of one
// projection (last axis contiguous).
Tensor swiglu(Context& context, const Tensor& up, const Tensor& gate);

}  // namespace vmolmo::ops
