#pragma once

#include "native/kernels/cuda/conv.h"

namespace vmolmo::cuda {

// Kernel 7x7, stride 1, any padding; as conv2d_depthwise.
bool conv_depthwise_7x7_supports(const ConvShape& shape);
void conv_depthwise_7x7(Stream stream, const float* x, const float* weight, const float* bias,
                        float* y, const ConvShape& shape);

}  // namespace vmolmo::cuda
