#include "native/sam2/memory_attention.h"

#include <algorithm>
#include <iterator>

#include "native/layers/sine_code.h"
#include "native/ops/attention.h"
#include "native/ops/copy.h"
#include "native/ops/elementwise.h"
#include "native/ops/stack.h"
#include "native/sam2/projection_names.h"

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
    layer.self = load_attention(loader, self, kProjections, {1, c, c, c});
    layer.query = load_linear(loader, cross + "q_proj.", c, c);
    layer.key = load_linear(loader, cross + "k_proj.", m, c);
    layer.value_out = fold(loader, load_linear(loader, cross + "v_proj.", m, c),
                           load_linear(loader, cross + "out_proj.", c, c));
    layer.mlp = {load_norm(loader, at + "norm3.", c, kEps),
                 load_linear(loader, at + "linear1.", c, hidden),
                 load_linear(loader, at + "linear2.", hidden, c), Activation::kRelu};
    layers_.push_back(std::move(layer));
  }
  norm_ = load_norm(loader, "memory_attention.norm.", c, kEps);
}

Tensor MemoryAttention::forward(Context& context, ImageFeatures& features,
                                const MemorySequences& sequences,
                                const std::vector<std::string>& labels) const {
  StageTimer timer(context, "memoryAttention");
  const auto batch = static_cast<int64_t>(sequences.parts.size());
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
        tap_objects(context, labels, stage + ".self_attn", layer.self.out(context, attended));
      x = layer.self.out.add_to(context, x, attended);
    }
    Tensor query = layer.query.operand(context, layer.norm2(context, x, ops::Feeds::kProducts));
    ops::rope_axial(context, query, rope_);
    const Tensor average = cross_attention(context, layer, query, sequences);
    if (context.recording())
      tap_objects(context, labels, stage + ".cross_attn", layer.value_out(context, average));
    x = layer.value_out.add_to(context, x, average);
    x = layer.mlp.in_chunks(context, std::move(x));
    tap_objects(context, labels, stage, x);
  }
  return norm_(context, x);
}

Tensor MemoryAttention::self_attention(Context& context, const Layer& layer,
                                       const Tensor& x) const {
  const Tensor normed = layer.norm1(context, x, ops::Feeds::kProducts);
  Tensor query = layer.self.query.operand(context, normed);
  Tensor key = layer.self.key.operand(context, normed);
  ops::rope_axial(context, query, rope_);
  ops::rope_axial(context, key, rope_);
  const Tensor value = layer.self.value.operand(context, normed);
  ops::AttentionOptions options;
  options.feeds = ops::Feeds::kProducts;
  return ops::attention(context, one_head(query), one_head(key), one_head(value), options);
}

Tensor MemoryAttention::cross_attention(Context& context, const Layer& layer, const Tensor& query,
                                        const MemorySequences& sequences) const {
  // Keys of a few objects at a time: they are the largest temporary (28,736 x 256 for one with a
  // full memory).
  const int64_t batch = query.dim(0), at_once = context.batch_objects();
  std::vector<Tensor> averages;
  for (int64_t begin = 0; begin < batch; begin += at_once) {
    context.check_cancelled();
    std::vector<Tensor> some =
        attend_some(context, layer, query, sequences, begin, std::min(batch, begin + at_once));
    std::ranges::move(some, std::back_inserter(averages));
  }
  if (batch == 1) return averages[0].reshape({1, query.dim(1), averages[0].dim(1)});
  return ops::stacked(context, averages);
}

std::vector<Tensor> MemoryAttention::attend_some(Context& context, const Layer& layer,
                                                 const Tensor& query,
                                                 const MemorySequences& sequences, int64_t begin,
                                                 int64_t end) const {
  const int64_t m = sequences.memory.dim(1);
  const int64_t first = sequences.parts[static_cast<size_t>(begin)].begin;
  const int64_t last = sequences.parts[static_cast<size_t>(end - 1)].end;
  const Tensor keys = layer.key.operand(context, sequences.placed.slice(0, first, last));
  std::vector<Tensor> q, k, v;
  for (int64_t b = begin; b < end; ++b) {
    const MemorySequences::Part& part = sequences.parts[static_cast<size_t>(b)];
    const Tensor key = keys.slice(0, part.begin - first, part.end - first);
    Tensor placed = key.slice(0, 0, key.dim(0) - part.pointer_tokens);
    ops::rope_axial(context, placed, rope_);
    q.push_back(query[b].reshape({query.dim(1), 1, width_}));
    k.push_back(key.reshape({key.dim(0), 1, width_}));
    v.push_back(sequences.memory.slice(0, part.begin, part.end).reshape({key.dim(0), 1, m}));
  }
  ops::AttentionOptions option;
  option.feeds = ops::Feeds::kProducts;
  const std::vector<ops::AttentionOptions> options(q.size(), option);
  return ops::attention_varlen(context, q, k, v, options);
}

const Tensor& MemoryAttention::first_self_attention(Context& context,
                                                    ImageFeatures& features) const {
  if (!features.memory_query || context.recording()) {
    const Tensor x = ops::add(context, features.vision, scaled_positions_)
                         .reshape({1, features.vision.dim(0), width_});
    const Layer& layer = layers_[0];
    const Tensor attended = self_attention(context, layer, x);
    if (context.recording())
      context.tap("memattn.layer.0.self_attn", layer.self.out(context, attended));
    features.memory_query = layer.self.out.add_to(context, x, attended)[0];
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
