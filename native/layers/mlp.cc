#include "native/layers/mlp.h"

namespace vmolmo {

Tensor Mlp::operator()(Context& context, const Tensor& x) const {
  Tensor y = x;
  for (size_t i = 0; i < layers.size(); ++i) {
    const bool last = i + 1 == layers.size();
    y = layers[i](context, y, last ? Activation::kNone : Activation::kRelu);
  }
  return y;
}

Mlp load_mlp(WeightLoader& loader, const std::string& prefix, const std::vector<int64_t>& widths) {
  Mlp mlp;
  for (size_t i = 0; i + 1 < widths.size(); ++i) {
    mlp.layers.push_back(
        load_linear(loader, concat(prefix, "layers.", i, "."), widths[i], widths[i + 1]));
  }
  return mlp;
}

}  // namespace vmolmo
