#pragma once

#include "native/kernels/cuda/conv.h"
#include "native/ops/context.h"
#include "native/ops/conv.h"
#include "native/tensor/activation.h"

namespace vmolmo::ops {

// A convolution whose operands (f32, contiguous) are checked and lie on the device.
struct DeviceConv {
  Tensor x, weight, bias;
  cuda::ConvShape shape;
  Activation activation = Activation::kNone;
};

// act(conv + bias), or conv + bias + residual where there is a residual.
Tensor conv2d_on_device(Context& context, const DeviceConv& conv, const Tensor& residual = {});
// act(layer norm of conv + bias over the channels).
Tensor conv2d_norm_on_device(Context& context, const DeviceConv& conv, const ChannelNorm& norm);
// channel_norm() of x, f32 and contiguous; empty for shapes that its kernel does not take.
Tensor channel_norm_on_device(Context& context, const Tensor& x, const ChannelNorm& norm,
                              Activation activation);
Tensor conv2d_depthwise_on_device(Context& context, const DeviceConv& conv);

// x [batch, h, w, in], weight [in, out, 2, 2]: act(conv + bias + skip); the skip, where there is
// one, is [batch or 1, 2h, 2w, out].
Tensor conv_transpose_on_device(Context& context, const Tensor& x, const Tensor& weight,
                                const Tensor& bias, const Tensor& skip, Activation activation);

}  // namespace vmolmo::ops
