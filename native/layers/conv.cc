#include "native/layers/conv.h"

#include "native/ops/conv.h"

namespace vmolmo {

Conv load_conv(WeightLoader& loader, const std::string& prefix, Shape weight, int64_t outputs) {
  return {loader.f32(prefix + "weight", weight), loader.f32(prefix + "bias", {outputs})};
}

Tensor conv_norm_gelu(Context& context, const Tensor& x, const Conv& conv, int64_t stride,
                      int64_t padding, const LayerNorm& norm) {
  return ops::conv2d_norm(context, x, conv.weight, conv.bias, stride, padding,
                          {norm.weight, norm.bias, norm.eps}, Activation::kGelu);
}

}  // namespace vmolmo
