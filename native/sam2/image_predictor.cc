#include "native/sam2/image_predictor.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <span>

#include "native/layers/nchw.h"
#include "native/ops/copy.h"
#include "native/ops/elementwise.h"
#include "native/ops/mask.h"
#include "native/ops/resize.h"
#include "native/ops/stack.h"
#include "native/weights/finite.h"

namespace vmolmo::sam2 {
namespace {

constexpr float kLogitLimit = 32.0f;
// Prompts per decoder batch: bounds the image-side activations (4 MiB per prompt and map at full
// size).
constexpr size_t kBatch = 8;
constexpr float kCleanupMargin = 10.0f;

struct PlacedPrompt {
  std::vector<ModelPoint> points;
  const std::vector<float>* mask = nullptr;
};

PlacedPrompt place(const Model& model, const ImageFeatures& features, const ImagePrompt& prompt) {
  PlacedPrompt placed;
  placed.points = model.place_prompt(prompt.points, features.width, features.height);
  const int64_t side = model.config().mask_side();
  if (!prompt.mask_input.empty()) {
    require(static_cast<int64_t>(prompt.mask_input.size()) == side * side, Code::kInvalidArgument,
            "maskInput: expected ", side, " x ", side, " logits, got ", prompt.mask_input.size(),
            " numbers.");
    require(std::ranges::all_of(prompt.mask_input, [](float v) { return std::isfinite(v); }),
            Code::kInvalidArgument, "maskInput: expected finite logits.");
    placed.mask = &prompt.mask_input;
  }
  require(!placed.points.empty() || placed.mask != nullptr, Code::kInvalidArgument,
          "prompt: expected points, a box or a mask input.");
  return placed;
}

// Small holes up, then small specks of the original masks down.
void clean_up(Context& context, Tensor& logits, const SegmentOptions& options) {
  const float threshold = options.mask_threshold;
  const Tensor original = logits.clone(context.memory());
  if (options.max_hole_area > 0)
    ops::fill_holes_inplace(context, logits, options.max_hole_area, threshold,
                            threshold + kCleanupMargin);
  if (options.max_sprinkle_area <= 0) return;
  ops::replace_small_inplace(context, logits, ops::threshold(context, original, threshold),
                             options.max_sprinkle_area, threshold - kCleanupMargin);
}

// logits [count, 4g, 4g], ious [count]: of one prompt.
ImageMasks finish(Context& context, const ImageFeatures& features, const Tensor& candidates,
                  std::span<const float> ious, const SegmentOptions& options) {
  ImageMasks result;
  const int64_t side = candidates.dim(1), count = candidates.dim(0);
  result.ious.assign(ious.begin(), ious.end());
  Tensor low = candidates;
  result.low_res = context.to_host(ops::clamp(context, candidates, -kLogitLimit, kLogitLimit));
  require_finite(result.low_res, "a mask's logits");
  if (options.max_hole_area > 0 || options.max_sprinkle_area > 0) clean_up(context, low, options);
  if (!options.logits) {
    result.masks = context.to_host(
        ops::render_masks(context, low, features.height, features.width, options.mask_threshold));
    return result;
  }
  const Tensor logits = ops::resize_bilinear(context, low.reshape({count, side, side, 1}),
                                             features.height, features.width)
                            .reshape({count, features.height, features.width});
  result.masks = context.to_host(ops::threshold(context, logits, options.mask_threshold));
  result.logits = context.to_host(logits);
  return result;
}

// All four masks of some entries.
void tap_masks(Context& context, const Model& model, const DecoderState& state,
               const Tensor& upscaled, std::vector<Tensor>& masks, std::vector<float>& stability) {
  const MaskDecoder& decoder = model.decoder();
  const int64_t batch = upscaled.dim(0), side = model.config().mask_side();
  const Tensor weights = decoder.mask_weights(context, state);
  for (int64_t b = 0; b < batch; ++b) {
    for (int64_t m = 0; m < MaskDecoder::kMasks; ++m) {
      const Tensor mask =
          decoder.mask(context, weights[b].slice(0, m, m + 1), upscaled.slice(0, b, b + 1));
      if (m == 0) stability.push_back(decoder.stability(context, mask));
      masks.push_back(mask.reshape({1, side, side}));
    }
  }
}

void tap_batch(Context& context, const Model& model, const DecoderState& state, const Tensor& ious,
               const std::vector<Tensor>& masks, const std::vector<float>& stability) {
  const int64_t batch = ious.dim(0), side = model.config().mask_side();
  const Shape shape{batch, MaskDecoder::kMasks, side, side};
  context.tap("all_masks", ops::concat(context, masks, 0).reshape(shape));
  context.tap("mask_tokens_out", model.decoder().mask_tokens(context, state));
  context.tap("all_iou", ious);
  context.tap("object_score", model.decoder().object_scores(context, state).reshape({batch, 1}));
  context.tap("stability", Tensor::from(stability, {batch, 1}));
}

std::vector<ImageMasks> decode(Context& context, const Model& model, const ImageFeatures& features,
                               const DecoderState& state, const SegmentOptions& options) {
  const MaskDecoder& decoder = model.decoder();
  const int64_t batch = state.tokens.dim(0), at_once = context.batch_objects();
  const Tensor ious = decoder.ious(context, state);
  std::vector<Tensor> logits, chosen_ious, masks;
  std::vector<float> stability;
  for (int64_t begin = 0; begin < batch; begin += at_once) {
    const int64_t end = std::min(batch, begin + at_once);
    context.check_cancelled();
    const DecoderState part = state.entries(begin, end);
    const Tensor upscaled = decoder.upscale(context, part, features);
    const Candidates found =
        decoder.candidates(context, part, ious.slice(0, begin, end), upscaled, options.multimask);
    logits.push_back(found.logits);
    chosen_ious.push_back(found.ious);
    if (context.recording()) tap_masks(context, model, part, upscaled, masks, stability);
  }
  const Tensor all = ops::joined(context, logits);
  const Tensor all_ious = context.to_host(ops::joined(context, chosen_ious));
  require_finite(all_ious, "the masks' scores");
  if (context.recording()) {
    tap_batch(context, model, state, ious, masks, stability);
    context.tap("low_res", all);
    context.tap("iou", all_ious);
  }
  const int64_t each = all.dim(1);
  std::vector<ImageMasks> results;
  for (int64_t b = 0; b < batch; ++b) {
    const std::span<const float> own(all_ious.data<float>() + b * each, static_cast<size_t>(each));
    results.push_back(finish(context, features, all[b], own, options));
  }
  return results;
}

// Prompts with equal numbers of tokens and masks on all of them or on none.
std::vector<ImageMasks> run_batch(Context& context, const Model& model,
                                  const ImageFeatures& features,
                                  const std::vector<PlacedPrompt>& prompts,
                                  const SegmentOptions& options) {
  const auto batch = static_cast<int64_t>(prompts.size());
  const int64_t side = model.config().mask_side();
  const int64_t c = model.config().hidden_size;
  std::vector<Tensor> sparse, masks;
  for (const PlacedPrompt& prompt : prompts) {
    // A mask prompt alone comes without the padding point.
    const Tensor tokens = prompt.points.empty() ? context.empty({0, c})
                                                : model.prompts().sparse(context, prompt.points);
    sparse.push_back(tokens.reshape({1, tokens.dim(0), c}));
    if (prompt.mask)
      masks.push_back(context.to_device(Tensor::from(*prompt.mask, {1, side, side})));
  }
  const Tensor tokens = ops::concat(context, sparse, 0);
  Tensor dense;
  if (!masks.empty()) dense = model.prompts().dense(context, ops::concat(context, masks, 0));
  if (context.recording()) {
    context.tap("sparse", tokens);
    if (dense) {
      const int64_t grid = model.config().grid();
      tap_nchw(context, "dense", dense.reshape({batch, grid, grid, c}));
    }
  }
  const Tensor source = decoder_source(context, model.prompts(),
                                       model.image_embedding(context, features), dense, batch);
  const DecoderState state =
      model.decoder().transform(context, source, model.prompts().image_positions(), tokens);
  return decode(context, model, features, state, options);
}

}  // namespace

std::vector<ImageMasks> segment_image(Context& context, const Model& model,
                                      const ImageFeatures& features,
                                      const std::vector<ImagePrompt>& prompts,
                                      const SegmentOptions& options) {
  StageTimer timer(context, "maskDecoder");
  model.check_features(features);
  // A batch is one tensor, so its prompts must have the same number of tokens.
  std::map<std::pair<size_t, bool>, std::vector<size_t>> groups;
  std::vector<PlacedPrompt> placed;
  for (const ImagePrompt& prompt : prompts) {
    placed.push_back(place(model, features, prompt));
    groups[{placed.back().points.size(), placed.back().mask != nullptr}].push_back(placed.size() -
                                                                                   1);
  }
  std::vector<ImageMasks> results(prompts.size());
  for (const auto& [key, members] : groups) {
    for (size_t begin = 0; begin < members.size(); begin += kBatch) {
      const size_t end = std::min(members.size(), begin + kBatch);
      std::vector<PlacedPrompt> batch;
      for (size_t i = begin; i < end; ++i) batch.push_back(placed[members[i]]);
      std::vector<ImageMasks> masks = run_batch(context, model, features, batch, options);
      for (size_t i = begin; i < end; ++i) results[members[i]] = std::move(masks[i - begin]);
    }
  }
  return results;
}

}  // namespace vmolmo::sam2
