#pragma once

#include <array>
#include <vector>

#include "native/layers/conv.h"
#include "native/layers/feed_forward.h"
#include "native/sam2/config.h"

namespace vmolmo::sam2 {

// Hiera: windowed and global attention blocks over four resolutions.
class Trunk {
 public:
  Trunk(const Sam2Config& config, WeightLoader& loader, Context& context);

  // pixels [1, S, S, 3], normalised -> the last block of each stage, [1, H, W, widths[stage]] at
  // strides 4, 8, 16 and 32.
  std::array<Tensor, 4> forward(Context& context, const Tensor& pixels) const;

 private:
  struct Block {
    BlockPlan plan;
    LayerNorm norm;
    Linear query, key_value;  // pooled blocks: the fused projection's rows, apart
    Linear qkv;               // all other blocks
    Linear proj;
    FeedForward mlp;
    Linear shortcut;  // pooled blocks
  };

  Block load_block(WeightLoader& loader, size_t index, const BlockPlan& plan) const;
  Tensor run_block(Context& context, const Block& block, const Tensor& x, size_t index) const;
  // Attention inside the windows, before the output projection: [windows, side, side, dim_out].
  Tensor attend(Context& context, const Block& block, const Tensor& windows) const;

  Sam2Config config_;
  Conv patch_embed_;
  Tensor positions_;  // [S/4, S/4, width]: background, resized, plus the tiled window table
  std::vector<Block> blocks_;
};

}  // namespace vmolmo::sam2
