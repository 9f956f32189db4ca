#pragma once

#include <string>

#include "native/layers/norm.h"

namespace vmolmo {

// A kxk convolution's kernel and bias, f32.
struct Conv {
  Tensor weight;  // [out, in, k, k]
  Tensor bias;
};

// `prefix` + "weight" / "bias", the bias of `outputs` values.
Conv load_conv(WeightLoader& loader, const std::string& prefix, Shape weight, int64_t outputs);

// GELU of the layer norm, over the channels, of the convolution.
Tensor conv_norm_gelu(Context& context, const Tensor& x, const Conv& conv, int64_t stride,
                      int64_t padding, const LayerNorm& norm);

}  // namespace vmolmo
