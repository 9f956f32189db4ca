#pragma once

#include <string>
#include <vector>

#include "native/layers/attention.h"
#include "native/layers/feed_forward.h"
#include "native/vit/vision_encoder.h"
#include "native/weights/weight_source.h"

namespace vmolmo {

// The CLIP vision encoder (docs/spec/videomolmo.md 5): patches of crops in, features of selected
// blocks out, without the class token. Blocks behind the last selected one are loaded, so that
// their shapes are checked, but run only for a recorder.
class Vit final : public VisionEncoder {
 public:
  Vit(const VitConfig& config, const std::vector<int64_t>& layers, WeightLoader& weights,
      const std::string& prefix);

  // In batches of enough tokens to keep the GEMMs at full speed, and few enough that the
  // activations of the MLP stay small.
  Tensor encode(Context& context, const Tensor& crops, int64_t rows_at_once) const override;

  int64_t feature_width() const override {
    return static_cast<int64_t>(layers_.size()) * config_.width;
  }

 private:
  struct Block {
    LayerNorm norm;
    Attention attention;
    FeedForward mlp;
  };

  Block load_block(WeightLoader& weights, const std::string& prefix) const;

  Tensor embed(Context& context, const Tensor& crops) const;
  Tensor run_block(Context& context, const Block& block, const Tensor& x) const;
  Tensor encode_batch(Context& context, const Tensor& crops) const;

  VitConfig config_;
  std::vector<int64_t> layers_;
  int64_t needed_blocks_ = 0;
  Tensor class_embedding_;       // [width]
  Tensor positional_embedding_;  // [1 + n * n, width]
  Linear patch_embedding_;       // 3 * patch^2 values to the width
  LayerNorm pre_norm_;
  std::vector<Block> blocks_;
};

}  // namespace vmolmo
