#pragma once

#include "native/ops/context.h"

namespace vmolmo::ops {

// Over the last axis, biased variance: (x - mean) / sqrt(var + eps) * weight + bias. x [..., C]
// f32.
Tensor layer_norm(Context& context, const Tensor& x, const Tensor& weight, const Tensor& bias,
                  float eps);
// weight * (x / sqrt(mean(x^2) + eps)) over the last axis.
Tensor rms_norm(Context& context, const Tensor& x, const Tensor& weight, float eps);

}  // namespace vmolmo::ops
