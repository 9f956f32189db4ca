#pragma once

#include "native/ops/activation.h"
#include "native/ops/context.h"
#include "native/ops/weight.h"

namespace vmolmo::ops {

// Everything here is NHWC: x [B, H, W, C] f32. Weights keep the checkpoint's layouts, f32 or bf16.

// weight [out, in, kh, kw], zero padding. 1x1 kernels are linear layers: use linear().
Tensor conv2d(Context& context, const Tensor& x, const Tensor& weight, const Tensor& bias,
              int64_t stride, int64_t padding, Activation activation = Activation::kNone);

// weight [C, 1, kh, kw], stride 1.
Tensor conv2d_depthwise(Context& context, const Tensor& x, const Tensor& weight, const Tensor& bias,
                        int64_t padding);

// Kernel 2, stride 2: weight [in, out, 2, 2]; returns [B, 2H, 2W, out].
Tensor conv_transpose_2x2(Context& context, const Tensor& x, const Tensor& weight,
                          const Tensor& bias);

// Kernel 2, stride 2, H and W even.
Tensor max_pool_2x2(Context& context, const Tensor& x);

}  // namespace vmolmo::ops
