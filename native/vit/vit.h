#pragma once

#include <string>
#include <vector>

#include "native/ops/context.h"
#include "native/ops/weight.h"
#include "native/vit/config.h"
#include "native/weights/weight_source.h"

namespace vmolmo {

// The CLIP vision encoder (spec/videomolmo section 5): patches of crops in, features of selected
// blocks out. Blocks behind the last selected one are loaded, so that their shapes are checked, but
// run only for a recorder.
class Vit {
 public:
  // `layers`: blocks whose outputs are concatenated, negative ones counting from the last stored
  // block.
  Vit(const VitConfig& config, const std::vector<int64_t>& layers, WeightLoader& weights,
      const std::string& prefix);

  // crops [T, n * n, 3 * patch^2] -> [T, n * n, layers * width], without the class token.
  // `rows_at_once`: tokens of crops that go through the blocks together: enough to keep the GEMMs
  // at full speed, few enough that the activations of the MLP stay small.
  Tensor encode(Context& context, const Tensor& crops, int64_t rows_at_once) const;

  int64_t feature_width() const { return static_cast<int64_t>(layers_.size()) * config_.width; }

 private:
  struct Linear {
    Weight weight;
    Tensor bias;
  };
  struct Norm {
    Tensor weight;
    Tensor bias;
  };
  struct Block {
    Norm attention_norm;
    Linear wq, wk, wv, wo;
    Norm ffn_norm;
    Linear w1, w2;
  };

  static Linear load_linear(WeightLoader& weights, const std::string& name, int64_t out,
                            int64_t in);
  Norm load_norm(WeightLoader& weights, const std::string& name) const;
  Block load_block(WeightLoader& weights, const std::string& prefix) const;

  Tensor embed(Context& context, const Tensor& crops) const;
  Tensor run_block(Context& context, const Block& block, Tensor x) const;
  Tensor encode_batch(Context& context, const Tensor& crops) const;

  VitConfig config_;
  std::vector<int64_t> layers_;
  int64_t needed_blocks_ = 0;
  Tensor class_embedding_;       // [width]
  Tensor positional_embedding_;  // [1 + n * n, width]
  Weight patch_embedding_;       // [width, 3 * patch^2]
  Norm pre_ln_;
  std::vector<Block> blocks_;
};

}  // namespace vmolmo
