#pragma once

#include "native/ops/feeds.h"

namespace vmolmo::ops {

// Over the last axis, biased variance: (x - mean) / sqrt(var + eps) * weight + bias. x [..., C]
// f32; the result f32 unless it feeds products.
Tensor layer_norm(Context& context, const Tensor& x, const Tensor& weight, const Tensor& bias,
                  float eps, Feeds feeds = Feeds::kSums);
// weight * (x / sqrt(mean(x^2) + eps)) over the last axis.
Tensor rms_norm(Context& context, const Tensor& x, const Tensor& weight, float eps,
                Feeds feeds = Feeds::kSums);

}  // namespace vmolmo::ops
