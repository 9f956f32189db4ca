#include "native/sam2/image_predictor.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "native/ops/copy.h"
#include "native/ops/elementwise.h"
#include "native/ops/mask.h"
#include "native/ops/resize.h"

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

// Small holes up, then small specks of the original mask down.
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

ImageMasks finish(Context& context, const ImageFeatures& features,
                  std::vector<Candidate>& candidates, const SegmentOptions& options) {
  ImageMasks result;
  const int64_t side = candidates[0].logits.dim(0);
  const auto count = static_cast<int64_t>(candidates.size());
  Tensor low = context.empty({count, side, side});
  Tensor clamped = context.empty({count, side, side});
  for (int64_t i = 0; i < count; ++i) {
    Candidate& candidate = candidates[static_cast<size_t>(i)];
    result.ious.push_back(candidate.iou);
    ops::copy_into(context, ops::clamp(context, candidate.logits, -kLogitLimit, kLogitLimit),
                   clamped[i]);
    Tensor cleaned = candidate.logits;
    if (options.max_hole_area > 0 || options.max_sprinkle_area > 0)
      clean_up(context, cleaned, options);
    ops::copy_into(context, cleaned, low[i]);
  }
  const Tensor logits = ops::resize_bilinear(context, low.reshape({count, side, side, 1}),
                                             features.height, features.width)
                            .reshape({count, features.height, features.width});
  result.low_res = context.to_host(clamped);
  result.masks = context.to_host(ops::threshold(context, logits, options.mask_threshold));
  if (options.logits) result.logits = context.to_host(logits);
  return result;
}

void tap_batch(Context& context, const Model& model, const DecoderState& state,
               const std::vector<Tensor>& upscaled, const Tensor& ious,
               const std::vector<float>& scores) {
  const auto batch = static_cast<int64_t>(upscaled.size());
  const int64_t side = model.config().mask_side(), c = model.config().hidden_size;
  std::vector<Tensor> masks;
  std::vector<float> stability;
  std::vector<Tensor> tokens;
  for (int64_t b = 0; b < batch; ++b) {
    for (int64_t m = 0; m < MaskDecoder::kMasks; ++m) {
      const Tensor mask =
          model.decoder().mask(context, state, b, m, upscaled[static_cast<size_t>(b)]);
      if (m == 0) stability.push_back(model.decoder().stability(context, mask));
      masks.push_back(mask.reshape({1, side, side}));
      tokens.push_back(model.decoder().mask_token(state, b, m).reshape({1, c}));
    }
  }
  const int64_t four = MaskDecoder::kMasks;
  context.tap("all_masks", ops::concat(context, masks, 0).reshape({batch, four, side, side}));
  context.tap("mask_tokens_out", ops::concat(context, tokens, 0).reshape({batch, four, c}));
  context.tap("all_iou", ious);
  context.tap("object_score", Tensor::from(scores, {batch, 1}));
  context.tap("stability", Tensor::from(stability, {batch, 1}));
}

void tap_chosen(Context& context, const std::vector<std::vector<Candidate>>& chosen) {
  std::vector<Tensor> masks;
  std::vector<float> ious;
  for (const auto& candidates : chosen) {
    for (const Candidate& candidate : candidates) {
      const Tensor& logits = candidate.logits;
      masks.push_back(logits.reshape({1, logits.dim(0), logits.dim(1)}));
      ious.push_back(candidate.iou);
    }
  }
  const auto batch = static_cast<int64_t>(chosen.size());
  const auto each = static_cast<int64_t>(chosen[0].size());
  const Tensor all = ops::concat(context, masks, 0);
  context.tap("low_res", all.reshape({batch, each, all.dim(1), all.dim(2)}));
  context.tap("iou", Tensor::from(ious, {batch, each}));
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
  const Tensor ious = context.to_host(model.decoder().ious(context, state));
  std::vector<std::vector<Candidate>> chosen;
  std::vector<Tensor> upscaled;
  for (int64_t b = 0; b < batch; ++b) {
    context.check_cancelled();
    const Tensor map = model.decoder().upscale(context, state, b, features);
    chosen.push_back(model.decoder().candidates(
        context, state, b, ious.data<float>() + b * MaskDecoder::kMasks, map, options.multimask));
    if (context.recording()) upscaled.push_back(map);
  }
  if (context.recording()) {
    tap_batch(context, model, state, upscaled, ious, model.decoder().object_scores(context, state));
    tap_chosen(context, chosen);
  }
  std::vector<ImageMasks> results;
  for (auto& candidates : chosen) results.push_back(finish(context, features, candidates, options));
  return results;
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
