#pragma once

#include "native/ops/context.h"
#include "native/tensor/activation.h"
#include "native/tensor/weight.h"

namespace vmolmo::ops {

// Everything here is NHWC: x [B, H, W, C] f32. Weights keep the checkpoint's layouts, f32 or bf16.

// weight [out, in, kh, kw], zero padding. 1x1 kernels are linear layers: use linear().
Tensor conv2d(Context& context, const Tensor& x, const Tensor& weight, const Tensor& bias,
              int64_t stride, int64_t padding, Activation activation = Activation::kNone);
// conv2d without activation, plus a residual of the result's shape.
Tensor conv2d_add(Context& context, const Tensor& x, const Tensor& weight, const Tensor& bias,
                  int64_t stride, int64_t padding, const Tensor& residual);

// Layer norm over the channels, as layer_norm().
struct ChannelNorm {
  Tensor weight, bias;  // [out]
  float eps = 0.0f;
};
// act(norm(x)), x [..., out] f32.
Tensor channel_norm(Context& context, const Tensor& x, const ChannelNorm& norm,
                    Activation activation = Activation::kNone);
// act(norm(conv2d)).
Tensor conv2d_norm(Context& context, const Tensor& x, const Tensor& weight, const Tensor& bias,
                   int64_t stride, int64_t padding, const ChannelNorm& norm,
                   Activation activation = Activation::kNone);

// weight [C, 1, kh, kw], stride 1.
Tensor conv2d_depthwise(Context& context, const Tensor& x, const Tensor& weight, const Tensor& bias,
                        int64_t padding);

// Kernel 2, stride 2: weight [in, out, 2, 2]; returns act(conv + bias + skip) [B, 2H, 2W, out]. The
// skip may be empty, and may be one picture for all of the batch.
Tensor conv_transpose_2x2(Context& context, const Tensor& x, const Tensor& weight,
                          const Tensor& bias, const Tensor& skip = {},
                          Activation activation = Activation::kNone);

// Kernel 2, stride 2, H and W even. x f32, or on a GPU bf16.
Tensor max_pool_2x2(Context& context, const Tensor& x);

}  // namespace vmolmo::ops
