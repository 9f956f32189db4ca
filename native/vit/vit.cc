#include "native/vit/vit.h"

#include <algorithm>

#include "native/ops/elementwise.h"

namespace vmolmo {
namespace {

// A crop's features do not depend on the crops beside it.
constexpr ops::RowPath kRows = ops::RowPath::kBlock;

}  // namespace

Vit::Block Vit::load_block(WeightLoader& weights, const std::string& prefix) const {
  const int64_t width = config_.width;
  const LinearOptions options{kRows};
  const AttentionWidths widths{config_.heads, width, config_.heads * config_.head_dim, width};
  Block block;
  block.norm = load_norm(weights, prefix + "attention_norm.", width, config_.norm_eps);
  block.attention =
      load_attention(weights, prefix + "attention.", {"wq.", "wk.", "wv.", "wo."}, widths, options);
  block.mlp = {load_norm(weights, prefix + "ffn_norm.", width, config_.norm_eps),
               load_linear(weights, prefix + "feed_forward.w1.", width, config_.mlp_width, options),
               load_linear(weights, prefix + "feed_forward.w2.", config_.mlp_width, width, options),
               Activation::kQuickGelu};
  return block;
}

Vit::Vit(const VitConfig& config, const std::vector<int64_t>& layers, WeightLoader& weights,
         const std::string& prefix)
    : config_(config) {
  for (int64_t layer : layers) {
    const int64_t index = layer < 0 ? config.blocks + layer : layer;
    require(index >= 0 && index < config.blocks, Code::kInvalidArgument, "vit_layers names block ",
            layer, " of an encoder with ", config.blocks, " blocks.");
    layers_.push_back(index);
    needed_blocks_ = std::max(needed_blocks_, index + 1);
  }
  const int64_t patches = config.grid() * config.grid();
  const int64_t patch_values = 3 * config.patch_size * config.patch_size;
  class_embedding_ = weights.f32(prefix + "class_embedding", {config.width});
  positional_embedding_ = weights.f32(prefix + "positional_embedding", {1 + patches, config.width});
  patch_embedding_ =
      load_linear(weights, prefix + "patch_embedding.", patch_values, config.width, {kRows, false});
  pre_norm_ = load_norm(weights, prefix + "pre_ln.", config.width, config.norm_eps);
  for (int64_t i = 0; i < config.blocks; ++i)
    blocks_.push_back(load_block(weights, concat(prefix, "transformer.resblocks.", i, ".")));
}

Tensor Vit::embed(Context& context, const Tensor& crops) const {
  const Tensor patches = patch_embedding_(context, crops);
  Tensor class_rows = context.zeros({crops.dim(0), 1, config_.width});
  ops::add_inplace(context, class_rows, class_embedding_);
  const std::array<Tensor, 2> parts{class_rows, patches};
  Tensor x = ops::concat(context, parts, 1);
  ops::add_inplace(context, x, positional_embedding_);
  return pre_norm_(context, x);
}

Tensor Vit::run_block(Context& context, const Block& block, const Tensor& x) const {
  ops::AttentionOptions options;
  options.feeds = ops::Feeds::kProducts;
  options.path = kRows;
  const Tensor y = block.norm(context, x, ops::Feeds::kProducts);
  const Tensor mixed = block.attention.mix(context, y, y, y, options);
  return block.mlp(context, block.attention.out.add_to(context, x, mixed));
}

Tensor Vit::encode_batch(Context& context, const Tensor& crops) const {
  Tensor x = embed(context, crops);
  context.tap("vit.embed", x);
  std::vector<Tensor> selected(layers_.size());
  const int64_t count = context.recording() ? config_.blocks : needed_blocks_;
  for (int64_t i = 0; i < count; ++i) {
    context.check_cancelled();
    x = run_block(context, blocks_[i], x);
    if (context.recording()) context.tap(concat("vit.hidden.", i), x);
    for (size_t s = 0; s < layers_.size(); ++s)
      if (layers_[s] == i) selected[s] = x;
  }
  const int64_t tokens = x.dim(1);
  if (context.recording()) {
    const Tensor all = ops::concat(context, selected, 2);
    context.tap("vit.cls",
                all.slice(1, 0, 1).clone(context.memory()).reshape({all.dim(0), all.dim(2)}));
  }
  for (Tensor& tensor : selected) tensor = tensor.slice(1, 1, tokens);
  return ops::concat(context, selected, 2);
}

Tensor Vit::encode(Context& context, const Tensor& crops, int64_t rows_at_once) const {
  const int64_t count = crops.dim(0);
  const int64_t tokens = crops.dim(1) + 1;
  const int64_t batch = context.recording() ? count : std::max<int64_t>(1, rows_at_once / tokens);
  if (batch >= count) return encode_batch(context, crops);
  std::vector<Tensor> features;
  for (int64_t begin = 0; begin < count; begin += batch)
    features.push_back(
        encode_batch(context, crops.slice(0, begin, std::min(count, begin + batch))));
  return ops::concat(context, features, 0);
}

}  // namespace vmolmo
