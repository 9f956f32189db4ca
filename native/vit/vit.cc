#include "native/vit/vit.h"

#include <algorithm>

#include "native/ops/attention.h"
#include "native/ops/elementwise.h"
#include "native/ops/linear.h"
#include "native/ops/norm.h"

namespace vmolmo {
namespace {

// A crop's features do not depend on the crops beside it.
constexpr ops::RowPath kRows = ops::RowPath::kBlock;
// What a block makes before it adds to the residual stream.
constexpr ops::Feeds kFeeds = ops::Feeds::kProducts;

}  // namespace

Vit::Linear Vit::load_linear(WeightLoader& weights, const std::string& name, int64_t out,
                             int64_t in) {
  return {weights.linear(name + ".weight", {out, in}, weights.formats().vision),
          weights.f32(name + ".bias", {out})};
}

Vit::Norm Vit::load_norm(WeightLoader& weights, const std::string& name) const {
  return {weights.f32(name + ".weight", {config_.width}),
          weights.f32(name + ".bias", {config_.width})};
}

Vit::Block Vit::load_block(WeightLoader& weights, const std::string& prefix) const {
  const int64_t width = config_.width;
  const int64_t inner = config_.heads * config_.head_dim;
  Block block;
  block.attention_norm = load_norm(weights, prefix + "attention_norm");
  block.wq = load_linear(weights, prefix + "attention.wq", inner, width);
  block.wk = load_linear(weights, prefix + "attention.wk", inner, width);
  block.wv = load_linear(weights, prefix + "attention.wv", inner, width);
  block.wo = load_linear(weights, prefix + "attention.wo", width, inner);
  block.ffn_norm = load_norm(weights, prefix + "ffn_norm");
  block.w1 = load_linear(weights, prefix + "feed_forward.w1", config_.mlp_width, width);
  block.w2 = load_linear(weights, prefix + "feed_forward.w2", width, config_.mlp_width);
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
  patch_embedding_ = weights.linear(prefix + "patch_embedding.weight", {config.width, patch_values},
                                    weights.formats().vision);
  pre_ln_ = load_norm(weights, prefix + "pre_ln");
  for (int64_t i = 0; i < config.blocks; ++i)
    blocks_.push_back(load_block(weights, concat(prefix, "transformer.resblocks.", i, ".")));
}

Tensor Vit::embed(Context& context, const Tensor& crops) const {
  const Tensor patches =
      ops::linear(context, crops, patch_embedding_, {}, ops::Activation::kNone, kRows);
  Tensor class_rows = context.zeros({crops.dim(0), 1, config_.width});
  ops::add_inplace(context, class_rows, class_embedding_);
  const std::array<Tensor, 2> parts{class_rows, patches};
  Tensor x = ops::concat(context, parts, 1);
  ops::add_inplace(context, x, positional_embedding_);
  return ops::layer_norm(context, x, pre_ln_.weight, pre_ln_.bias, config_.norm_eps);
}

Tensor Vit::run_block(Context& context, const Block& block, Tensor x) const {
  const Shape heads{x.dim(0), x.dim(1), config_.heads, config_.head_dim};
  const auto project = [&](const Linear& linear, const Tensor& input) {
    return ops::linear(context, input, linear.weight, linear.bias, ops::Activation::kNone, kRows,
                       kFeeds)
        .reshape(heads);
  };
  Tensor y = ops::layer_norm(context, x, block.attention_norm.weight, block.attention_norm.bias,
                             config_.norm_eps, kFeeds);
  ops::AttentionOptions options;
  options.feeds = kFeeds;
  options.path = kRows;
  const Tensor mixed = ops::attention(context, project(block.wq, y), project(block.wk, y),
                                      project(block.wv, y), options);
  x = ops::linear_add(context, mixed, block.wo.weight, block.wo.bias, x, kRows);
  y = ops::layer_norm(context, x, block.ffn_norm.weight, block.ffn_norm.bias, config_.norm_eps,
                      kFeeds);
  const Tensor hidden = ops::linear(context, y, block.w1.weight, block.w1.bias,
                                    ops::Activation::kQuickGelu, kRows, kFeeds);
  return ops::linear_add(context, hidden, block.w2.weight, block.w2.bias, x, kRows);
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
