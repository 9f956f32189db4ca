#include "native/layers/norm.h"

#include "native/ops/norm.h"

namespace vmolmo {

Tensor LayerNorm::operator()(Context& context, const Tensor& x, ops::Feeds feeds) const {
  return ops::layer_norm(context, x, weight, bias, eps, feeds);
}

LayerNorm load_norm(WeightLoader& loader, const std::string& prefix, int64_t channels, float eps) {
  return {loader.f32(prefix + "weight", {channels}), loader.f32(prefix + "bias", {channels}), eps};
}

}  // namespace vmolmo
