#include "native/sam2/mask_decoder.h"

#include <array>

#include "native/layers/nchw.h"
#include "native/ops/activation.h"
#include "native/ops/conv.h"
#include "native/ops/copy.h"
#include "native/ops/elementwise.h"
#include "native/ops/linear.h"
#include "native/ops/mask.h"
#include "native/ops/select.h"
#include "native/sam2/projection_names.h"

namespace vmolmo::sam2 {
namespace {

constexpr char kPrefix[] = "sam_mask_decoder.";
constexpr float kEps = 1e-5f;

// Token `index` of every batch entry: [B, C].
Tensor token_rows(Context& context, const Tensor& tokens, int64_t index) {
  const int64_t batch = tokens.dim(0), channels = tokens.dim(2);
  return ops::dense_copy(context, tokens.slice(1, index, index + 1)).reshape({batch, channels});
}

}  // namespace

MaskDecoder::MaskDecoder(const Sam2Config& config, WeightLoader& loader)
    : width_(config.hidden_size), mask_side_(config.mask_side()), options_(config.decoder) {
  const std::string prefix = kPrefix;
  const int64_t c = width_;
  const int64_t heads = config.decoder.heads;
  const AttentionWidths self{heads, c, c, c};
  const AttentionWidths cross{heads, c, c / config.decoder.attention_downsample, c};
  Tensor output_tokens = Tensor::empty(cpu_heap(), {2 + kMasks, c});
  const std::array<std::pair<const char*, int64_t>, 3> tokens{
      {{"obj_score_token", 1}, {"iou_token", 1}, {"mask_tokens", kMasks}}};
  float* row = output_tokens.data<float>();
  for (const auto& [name, count] : tokens) {
    const Tensor token = loader.host_f32(concat(prefix, name, ".weight"), {count, c});
    row = std::copy_n(token.data<float>(), count * c, row);
  }
  output_tokens_ = loader.place(output_tokens);
  const std::string transformer = prefix + "transformer.";
  for (int64_t i = 0; i < config.decoder.layers; ++i) {
    const std::string at = concat(transformer, "layers.", i, ".");
    Layer layer;
    layer.self = load_attention(loader, at + "self_attn.", kProjections, self);
    layer.token_to_image =
        load_attention(loader, at + "cross_attn_token_to_image.", kProjections, cross);
    layer.image_to_token =
        load_attention(loader, at + "cross_attn_image_to_token.", kProjections, cross);
    layer.norm1 = load_norm(loader, at + "norm1.", c, kEps);
    layer.norm2 = load_norm(loader, at + "norm2.", c, kEps);
    layer.norm3 = load_norm(loader, at + "norm3.", c, kEps);
    layer.norm4 = load_norm(loader, at + "norm4.", c, kEps);
    layer.mlp_in = load_linear(loader, at + "mlp.layers.0.", c, config.decoder.mlp_width);
    layer.mlp_out = load_linear(loader, at + "mlp.layers.1.", config.decoder.mlp_width, c);
    layers_.push_back(std::move(layer));
  }
  final_attention_ =
      load_attention(loader, transformer + "final_attn_token_to_image.", kProjections, cross);
  final_norm_ = load_norm(loader, transformer + "norm_final_attn.", c, kEps);
  upscale1_ = load_conv(loader, prefix + "output_upscaling.0.", {c, c / 4, 2, 2}, c / 4);
  upscale_norm_ = load_norm(loader, prefix + "output_upscaling.1.", c / 4, 1e-6f);
  upscale2_ = load_conv(loader, prefix + "output_upscaling.3.", {c / 4, c / 8, 2, 2}, c / 8);
  for (int64_t i = 0; i < kMasks; ++i)
    hypernetworks_.push_back(
        load_mlp(loader, concat(prefix, "output_hypernetworks_mlps.", i, "."), {c, c, c, c / 8}));
  const int64_t hidden = config.decoder.iou_head_hidden;
  iou_head_ = load_mlp(loader, prefix + "iou_prediction_head.", {c, hidden, hidden, kMasks});
  score_head_ = load_mlp(loader, prefix + "pred_obj_score_head.", {c, c, c, 1});
}

Tensor MaskDecoder::attend(Context& context, const Attention& attention, const Tensor& query,
                           const Tensor& key, const Tensor& value, const Tensor& residual) const {
  return attention.out.add_to(context, residual, attention.mix(context, query, key, value));
}

Tensor MaskDecoder::join_tokens(Context& context, const Tensor& sparse) const {
  const int64_t batch = sparse.dim(0), own = output_tokens_.dim(0), n = sparse.dim(1);
  Tensor tokens = context.empty({batch, own + n, width_});
  ops::copy_into(context, output_tokens_.reshape({1, own, width_}), tokens.slice(1, 0, own));
  if (n > 0) ops::copy_into(context, sparse, tokens.slice(1, own, own + n));
  return tokens;
}

void MaskDecoder::run_layer(Context& context, const Layer& layer, bool first, const Tensor& tokens,
                            const Tensor& positions, Tensor& queries, Tensor& keys) const {
  if (first) {
    // No position and no residual: the queries are the tokens themselves.
    queries = layer.self.out(context, layer.self.mix(context, queries, queries, queries));
  } else {
    const Tensor q = ops::add(context, queries, tokens);
    queries = attend(context, layer.self, q, q, queries, queries);
  }
  queries = layer.norm1(context, queries);
  const Tensor placed_keys = ops::add(context, keys, positions);
  Tensor placed = ops::add(context, queries, tokens);
  queries = layer.norm2(context,
                        attend(context, layer.token_to_image, placed, placed_keys, keys, queries));
  const Tensor hidden = layer.mlp_in(context, queries, Activation::kRelu);
  queries = layer.norm3(context, layer.mlp_out.add_to(context, queries, hidden));
  placed = ops::add(context, queries, tokens);
  keys = layer.norm4(context,
                     attend(context, layer.image_to_token, placed_keys, placed, queries, keys));
}

DecoderState MaskDecoder::transform(Context& context, const Tensor& source, const Tensor& positions,
                                    const Tensor& sparse) const {
  const Tensor tokens = join_tokens(context, sparse);
  context.tap("dec.tokens_in", tokens);
  DecoderState state{tokens, source};
  for (size_t i = 0; i < layers_.size(); ++i) {
    run_layer(context, layers_[i], i == 0, tokens, positions, state.tokens, state.keys);
    context.tap(concat("dec.layer.", i, ".queries"), state.tokens);
    context.tap(concat("dec.layer.", i, ".keys"), state.keys);
  }
  const Tensor placed = ops::add(context, state.tokens, tokens);
  const Tensor placed_keys = ops::add(context, state.keys, positions);
  state.tokens = final_norm_(
      context, attend(context, final_attention_, placed, placed_keys, state.keys, state.tokens));
  context.tap("dec.tokens_out", state.tokens);
  context.tap("dec.src_out", state.keys);
  return state;
}

Tensor MaskDecoder::ious(Context& context, const DecoderState& state) const {
  return ops::activate(context, iou_head_(context, token_rows(context, state.tokens, 1)),
                       Activation::kSigmoid);
}

Tensor MaskDecoder::object_scores(Context& context, const DecoderState& state) const {
  return score_head_(context, token_rows(context, state.tokens, 0)).reshape({state.tokens.dim(0)});
}

Tensor MaskDecoder::upscale(Context& context, const DecoderState& state,
                            const ImageFeatures& features) const {
  const int64_t batch = state.keys.dim(0), side = features.high1.dim(1) / 2;
  const Tensor keys = state.keys.reshape({batch, side, side, width_});
  if (context.recording()) {
    tap_entries_nchw(context, "dec.upscale.dc1",
                     ops::conv_transpose_2x2(context, keys, upscale1_.weight, upscale1_.bias));
  }
  Tensor x =
      ops::conv_transpose_2x2(context, keys, upscale1_.weight, upscale1_.bias, features.high1);
  x = ops::channel_norm(context, x, {upscale_norm_.weight, upscale_norm_.bias, upscale_norm_.eps},
                        Activation::kGelu);
  tap_entries_nchw(context, "dec.upscale.act1", x);
  x = ops::conv_transpose_2x2(context, x, upscale2_.weight, upscale2_.bias, features.high0,
                              Activation::kGelu);
  tap_entries_nchw(context, "dec.upscale.out", x);
  return x.reshape({batch, -1, width_ / 8});
}

Tensor MaskDecoder::mask_weights(Context& context, const DecoderState& state) const {
  const int64_t batch = state.tokens.dim(0), channels = width_ / 8;
  Tensor weights = context.empty({batch, kMasks, channels});
  for (int64_t m = 0; m < kMasks; ++m) {
    const Tensor rows =
        hypernetworks_[static_cast<size_t>(m)](context, token_rows(context, state.tokens, 2 + m));
    for (int64_t b = 0; context.recording() && b < batch; ++b)
      context.tap(concat("dec.hyper.", m), rows.slice(0, b, b + 1));
    ops::copy_into(context, rows.reshape({batch, 1, channels}), weights.slice(1, m, m + 1));
  }
  return weights;
}

Tensor MaskDecoder::mask(Context& context, const Tensor& weights, const Tensor& upscaled) const {
  const int64_t batch = weights.dim(0);
  return ops::matmul(context, weights.reshape({batch, 1, weights.dim(1)}), upscaled, true)
      .reshape({batch, mask_side_, mask_side_});
}

Candidates MaskDecoder::candidates(Context& context, const DecoderState& state, const Tensor& ious,
                                   const Tensor& upscaled, bool multimask) const {
  const Tensor weights = mask_weights(context, state);
  const int64_t batch = ious.dim(0);
  const auto mask_of = [&](int64_t m) {
    const Tensor row = ops::dense_copy(context, weights.slice(1, m, m + 1));
    return mask(context, row.reshape({batch, width_ / 8}), upscaled);
  };
  if (multimask) {
    constexpr int64_t kCount = kMasks - 1;
    Tensor logits = context.empty({batch, kCount, mask_side_, mask_side_});
    for (int64_t m = 0; m < kCount; ++m)
      ops::copy_into(context, mask_of(m + 1).reshape({batch, 1, mask_side_, mask_side_}),
                     logits.slice(1, m, m + 1));
    return {logits, ops::dense_copy(context, ious.slice(1, 1, kMasks))};
  }
  const Shape map{batch, 1, mask_side_, mask_side_};
  const Tensor first = mask_of(0);
  if (!options_.dynamic_multimask)
    return {first.reshape(map), ops::dense_copy(context, ious.slice(1, 0, 1))};
  const Tensor chosen =
      ops::zero_if_stable(context, first, options_.stability_delta, options_.stability_threshold,
                          ops::best_column(context, ious, 1));
  const Tensor logits = mask(context, ops::pick(context, weights, chosen), upscaled);
  return {logits.reshape(map), ops::pick(context, ious, chosen).reshape({batch, 1})};
}

float MaskDecoder::stability(Context& context, const Tensor& logits) const {
  const int64_t inner = ops::count_above(context, logits, options_.stability_delta);
  const int64_t outer = ops::count_above(context, logits, -options_.stability_delta);
  return outer == 0 ? 1.0f : static_cast<float>(inner) / static_cast<float>(outer);
}

Tensor MaskDecoder::mask_tokens(Context& context, const DecoderState& state) const {
  return ops::dense_copy(context, state.tokens.slice(1, 2, 2 + kMasks));
}

}  // namespace vmolmo::sam2
