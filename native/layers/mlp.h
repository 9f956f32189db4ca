#pragma once

#include <string>
#include <vector>

#include "native/layers/linear.h"

namespace vmolmo {

// Linear layers with ReLU between, none after the last ("layers.0", "layers.1", ...).
struct Mlp {
  std::vector<Linear> layers;

  Tensor operator()(Context& context, const Tensor& x) const;
};

// `widths`: in, hidden, ..., out.
Mlp load_mlp(WeightLoader& loader, const std::string& prefix, const std::vector<int64_t>& widths);

}  // namespace vmolmo
