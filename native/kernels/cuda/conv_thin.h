#pragma once

#include "native/kernels/cuda/conv.h"

namespace vmolmo::cuda {

// A convolution with few channels on both sides, f32 throughout, whose outputs one thread has
// together; so a layer norm over the channels costs nothing more.
struct ThinConv {
  const float* x = nullptr;       // [batch, height, width, in]
  const float* weight = nullptr;  // [out, in, kh, kw]
  const float* bias = nullptr;    // may be null
  float* y = nullptr;             // [batch, out_height, out_width, out]
  ConvShape shape;
  // y = act(layer norm of the sums); null: y = act(sums).
  const float* norm_weight = nullptr;
  const float* norm_bias = nullptr;
  float eps = 0.0f;
  Activation activation = Activation::kNone;
};

// Up to 16 output channels, and a kernel whose weights fit into 16 KiB for as many.
bool conv_thin_supports(const ConvShape& shape);
void conv_thin(Stream stream, const ThinConv& conv);

}  // namespace vmolmo::cuda
