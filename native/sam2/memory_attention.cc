#include "native/sam2/memory_attention.h"

#include "native/ops/attention.h"
#include "native/ops/copy.h"
#include "native/ops/elementwise.h"
#include "native/sam2/position.h"

namespace vmolmo::sam2 {
namespace {

constexpr float kEps = 1e-5f;
constexpr float kPositionScale = 0.1f;

// [B, N, D] as one head.
Tensor one_head(const Tensor& x) { return x.reshape({x.dim(0), x.dim(1), 1, x.dim(2)}); }

}  // namespace

MemoryAttention::MemoryAttention(const Sam2Config& config, WeightLoader& loader)
    : width_(config.hidden_size),
      rope_(ops::make_axial_rope_table(config.grid(), config.hidden_size,
                                       config.memory_attention.rope_theta)),
      scaled_positions_(sine_code(config.grid(), config.hidden_size)) {
  float* position = scaled_positions_.data<float>();
  for (int64_t i = 0; i < scaled_positions_.numel(); ++i) position[i] *= kPositionScale;
  scaled_positions_ = loader.place(scaled_positions_);
  rope_ = {loader.place(rope_.cos), loader.place(rope_.sin)};
  const int64_t c = width_;
  const int64_t m = config.memory_encoder.channels;
  const int64_t hidden = config.memory_attention.mlp_width;
  for (int64_t i = 0; i < config.memory_attention.layers; ++i) {
    const std::string at = concat("memory_attention.layers.", i, ".");
    const std::string self = at + "self_attn.", cross = at + "cross_attn_image.";
    Layer layer;
    layer.norm1 = load_norm(loader, at + "norm1.", c, kEps);
    layer.norm2 = load_norm(loader, at + "norm2.", c, kEps);
    layer.norm3 = load_norm(loader, at + "norm3.", c, kEps);
    layer.self_query = load_linear(loader, self + "q_proj.", c, c);
    layer.self_key = load_linear(loader, self + "k_proj.", c, c);
    layer.self_value = load_linear(loader, self + "v_proj.", c, c);
    layer.self_out = load_linear(loader, self + "out_proj.", c, c);
    layer.query = load_linear(loader, cross + "q_proj.", c, c);
    layer.key = load_linear(loader, cross + "k_proj.", m, c);
    layer.value_out = fold(loader, load_linear(loader, cross + "v_proj.", m, c),
                           load_linear(loader, cross + "out_proj.", c, c));
    layer.mlp_in = load_linear(loader, at + "linear1.", c, hidden);
    layer.mlp_out = load_linear(loader, at + "linear2.", hidden, c);
    layers_.push_back(std::move(layer));
  }
  norm_ = load_norm(loader, "memory_attention.norm.", c, kEps);
}

Tensor MemoryAttention::forward(Context& context, ImageFeatures& features,
                                const std::vector<MemorySequence>& objects,
                                const std::vector<std::string>& labels) const {
  StageTimer timer(context, "memoryAttention");
  const auto batch = static_cast<int64_t>(objects.size());
  const Tensor& start = first_self_attention(context, features);
  Tensor x = context.empty({batch, start.dim(0), width_});
  ops::copy_into(context, start.reshape({1, start.dim(0), width_}), x);
  for (size_t i = 0; i < layers_.size(); ++i) {
    context.check_cancelled();
    const Layer& layer = layers_[i];
    const std::string stage = concat("memattn.layer.", i);
    if (i > 0) {
      const Tensor attended = self_attention(context, layer, x);
      if (context.recording())
        tap_objects(context, labels, stage + ".self_attn", layer.self_out(context, attended));
      x = layer.self_out.add_to(context, x, attended);
    }
    Tensor query = layer.query(context, layer.norm2(context, x));
    ops::rope_axial(context, query, rope_);
    // One object's keys at a time: they are the largest temporary (28,736 x 256 with a full
    // memory).
    std::vector<Tensor> averages;
    for (size_t b = 0; b < objects.size(); ++b) {
      const auto at = static_cast<int64_t>(b);
      context.check_cancelled();
      averages.push_back(cross_attention(context, layer, query.slice(0, at, at + 1), objects[b]));
    }
    const Tensor average = averages.size() == 1 ? averages[0] : ops::concat(context, averages, 0);
    if (context.recording())
      tap_objects(context, labels, stage + ".cross_attn", layer.value_out(context, average));
    x = layer.value_out.add_to(context, x, average);
    x = feed_forward_inplace(context, std::move(x), layer.norm3, layer.mlp_in, layer.mlp_out,
                             ops::Activation::kRelu);
    tap_objects(context, labels, stage, x);
  }
  return norm_(context, x);
}

Tensor MemoryAttention::self_attention(Context& context, const Layer& layer,
                                       const Tensor& x) const {
  const Tensor normed = layer.norm1(context, x);
  Tensor query = layer.self_query(context, normed);
  Tensor key = layer.self_key(context, normed);
  ops::rope_axial(context, query, rope_);
  ops::rope_axial(context, key, rope_);
  const Tensor value = layer.self_value(context, normed);
  return ops::attention(context, one_head(query), one_head(key), one_head(value));
}

Tensor MemoryAttention::cross_attention(Context& context, const Layer& layer, const Tensor& query,
                                        const MemorySequence& object) const {
  const int64_t tokens = object.placed.dim(0);
  const Tensor key = layer.key(context, object.placed);
  Tensor placed = key.slice(0, 0, tokens - object.pointer_tokens);
  ops::rope_axial(context, placed, rope_);
  const int64_t m = object.memory.dim(1);
  return ops::attention(context, one_head(query), key.reshape({1, tokens, 1, width_}),
                        object.memory.reshape({1, tokens, 1, m}));
}

const Tensor& MemoryAttention::first_self_attention(Context& context,
                                                    ImageFeatures& features) const {
  if (!features.memory_query || context.recording()) {
    const Tensor x = ops::add(context, features.vision, scaled_positions_)
                         .reshape({1, features.vision.dim(0), width_});
    const Layer& layer = layers_[0];
    const Tensor attended = self_attention(context, layer, x);
    if (context.recording())
      context.tap("memattn.layer.0.self_attn", layer.self_out(context, attended));
    features.memory_query = layer.self_out.add_to(context, x, attended)[0];
  }
  return features.memory_query;
}

void MemoryAttention::tap_objects(Context& context, const std::vector<std::string>& labels,
                                  const std::string& name, const Tensor& x) const {
  if (!context.recording()) return;
  if (labels.empty()) return context.tap(name, x);
  for (size_t b = 0; b < labels.size(); ++b) {
    const auto at = static_cast<int64_t>(b);
    context.tap(labels[b] + name, x.slice(0, at, at + 1));
  }
}

}  // namespace vmolmo::sam2
