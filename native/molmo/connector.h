#pragma once

#include <span>
#include <string>

#include "native/layers/attention.h"
#include "native/molmo/config.h"

namespace vmolmo {

// From windows of patch features to rows that are added to the language model's embeddings:
// attention pooling with the mean query, then the SwiGLU projector (docs/spec/videomolmo.md 7).
class Connector {
 public:
  Connector(const MolmoConfig& config, int64_t feature_width, WeightLoader& weights,
            const std::string& prefix);

  // windows [W, 4, C] -> [W, decoder width].
  Tensor project(Context& context, const Tensor& windows) const;

 private:
  Tensor pool(Context& context, const Tensor& windows) const;

  Attention pooling_;
  Linear gate_, up_, out_;
};

// Molmo's padding embedding (docs/spec/videomolmo.md 6.4), added to the features of padded patches.
class PaddingEmbedding {
 public:
  PaddingEmbedding(int64_t feature_width, WeightLoader& weights, const std::string& name);

  // features [T, n * n, C]; masks: one value per patch (ImageLayout::masks).
  Tensor add_to(Context& context, const Tensor& features, std::span<const float> masks) const;

 private:
  Tensor table_;  // [3, C]: all padding, partly padding, none (zeros)
};

}  // namespace vmolmo
