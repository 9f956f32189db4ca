#pragma once

#include <string>

#include "native/ops/context.h"
#include "native/ops/feeds.h"
#include "native/weights/weight_source.h"

namespace vmolmo {

// Layer norm over the last axis.
struct LayerNorm {
  Tensor weight;
  Tensor bias;
  float eps = 1e-6f;

  Tensor operator()(Context& context, const Tensor& x, ops::Feeds feeds = ops::Feeds::kSums) const;
};

// `prefix` + "weight" / "bias".
LayerNorm load_norm(WeightLoader& loader, const std::string& prefix, int64_t channels, float eps);

}  // namespace vmolmo
