#include "native/sam2/tracker_heads.h"

#include <algorithm>

#include "native/ops/conv.h"
#include "native/ops/copy.h"
#include "native/ops/elementwise.h"
#include "native/ops/mask.h"
#include "native/ops/resize.h"
#include "native/ops/select.h"
#include "native/ops/stack.h"

namespace vmolmo::sam2 {
namespace {

// A 0/1 mask as logits.
constexpr float kMaskScale = 20.0f;
constexpr float kMaskBias = -10.0f;

// Whether an object alone in its batch needs no mask. A GPU is not asked: that would mean to wait.
bool known_absent(Context& context, const Tensor& scores) {
  return context.at_hand(scores) && scores.numel() == 1 && !(scores.data<float>()[0] > 0.0f);
}

}  // namespace

Tensor decoder_source(Context& context, const PromptEncoder& prompts, const Tensor& image,
                      const Tensor& dense, int64_t batch) {
  if (dense) return ops::add(context, dense, image);
  const Tensor sum = ops::add(context, image, prompts.no_mask());
  if (sum.rank() == 3) return sum;
  const Tensor one = sum.reshape({1, sum.dim(0), sum.dim(1)});
  if (batch == 1) return one;
  return ops::concat(context, std::vector<Tensor>(static_cast<size_t>(batch), one), 0);
}

Tensor place_mask(Context& context, const Tensor& mask, int64_t image_size) {
  const int64_t height = mask.dim(0), width = mask.dim(1);
  Tensor values = ops::mask_to_f32(context, context.to_device(mask)).reshape({height, width, 1});
  if (height != image_size || width != image_size) {
    values = ops::step(context, ops::resize_antialias(context, values, image_size, image_size),
                       0.5f, true);
  }
  return values.reshape({image_size, image_size});
}

TrackerHeads::TrackerHeads(const Sam2Config& config, WeightLoader& loader,
                           const PromptEncoder& prompts, const MaskDecoder& decoder)
    : prompts_(prompts), decoder_(decoder), mask_side_(config.mask_side()) {
  const int64_t c = config.hidden_size;
  pointer_proj_ = load_mlp(loader, "obj_ptr_proj.", {c, c, c, c});
  no_object_pointer_ = loader.f32("no_obj_ptr", {1, c})[0];
  mask_downsample_ = load_conv(loader, "mask_downsample.", {1, 1, 4, 4}, 1);
}

HeadResult TrackerHeads::run(Context& context, const HeadRequest& request,
                             const ImageFeatures& features) const {
  StageTimer timer(context, "maskDecoder");
  const int64_t batch = request.sparse.dim(0), at_once = context.batch_objects();
  const Tensor source = decoder_source(context, prompts_, request.image, request.dense, batch);
  const DecoderState state =
      decoder_.transform(context, source, prompts_.image_positions(), request.sparse);
  const Tensor ious = decoder_.ious(context, state);
  const Tensor scores = decoder_.object_scores(context, state);
  std::vector<HeadResult> parts;
  for (int64_t begin = 0; begin < batch; begin += at_once) {
    const int64_t end = std::min(batch, begin + at_once);
    context.check_cancelled();
    parts.push_back(choose(context, state.entries(begin, end), ious.slice(0, begin, end),
                           scores.slice(0, begin, end), request, features));
  }
  const auto join = [&](Tensor HeadResult::* member) {
    std::vector<Tensor> tensors;
    for (const HeadResult& part : parts) tensors.push_back(part.*member);
    return ops::joined(context, tensors);
  };
  HeadResult all;
  for (Tensor HeadResult::* member : {&HeadResult::low_res, &HeadResult::pointers,
                                      &HeadResult::ious, &HeadResult::candidate_ious})
    all.*member = join(member);
  all.scores = scores;
  if (request.all_candidates) all.candidates = join(&HeadResult::candidates);
  return all;
}

HeadResult TrackerHeads::choose(Context& context, const DecoderState& state, const Tensor& ious,
                                const Tensor& scores, const HeadRequest& request,
                                const ImageFeatures& features) const {
  HeadResult result;
  if (request.multimask && !request.all_candidates && known_absent(context, scores)) {
    result.low_res = context.empty({1, mask_side_, mask_side_});
    result.candidate_ious = ops::dense_copy(context, ious.slice(1, 1, MaskDecoder::kMasks));
    result.ious = ops::pick(context, ious, ops::best_column(context, ious, 1));
  } else {
    choose_masks(context, state, ious, request, features, result);
  }
  ops::gated_fill_inplace(context, result.low_res, scores, kAbsentLogit);
  if (result.candidates) ops::gated_fill_inplace(context, result.candidates, scores, kAbsentLogit);
  // The token handed on is that of the best candidate, or mask 0's even when another mask replaced
  // it.
  const Tensor tokens = decoder_.mask_tokens(context, state);
  const Tensor token =
      request.multimask
          ? ops::pick(context, tokens, ops::best_column(context, ious, 1))
          : ops::dense_copy(context, tokens.slice(1, 0, 1)).reshape({tokens.dim(0), tokens.dim(2)});
  result.pointers = pointer_proj_(context, token);
  ops::gated_replace_inplace(context, result.pointers, scores, no_object_pointer_);
  return result;
}

void TrackerHeads::choose_masks(Context& context, const DecoderState& state, const Tensor& ious,
                                const HeadRequest& request, const ImageFeatures& features,
                                HeadResult& result) const {
  const Tensor upscaled = decoder_.upscale(context, state, features);
  if (request.multimask && !request.all_candidates) {
    const Tensor best = ops::best_column(context, ious, 1);
    const Tensor weights = ops::pick(context, decoder_.mask_weights(context, state), best);
    result.low_res = decoder_.mask(context, weights, upscaled);
    result.ious = ops::pick(context, ious, best);
    result.candidate_ious = ops::dense_copy(context, ious.slice(1, 1, MaskDecoder::kMasks));
    return;
  }
  const Candidates found = decoder_.candidates(context, state, ious, upscaled, request.multimask);
  const Tensor best = ops::best_column(context, found.ious);
  result.low_res = ops::pick(context, found.logits, best);
  result.ious = ops::pick(context, found.ious, best);
  result.candidate_ious = found.ious;
  if (request.all_candidates) result.candidates = found.logits;
}

Tensor TrackerHeads::reduce_mask(Context& context, const Tensor& mask) const {
  const Tensor map = mask.reshape({1, mask.dim(0), mask.dim(1), 1});
  return ops::conv2d(context, map, mask_downsample_.weight, mask_downsample_.bias, 4, 0)
      .reshape({mask_side_, mask_side_});
}

HeadResult TrackerHeads::mask_as_output(Context& context, const Tensor& mask,
                                        const ImageFeatures& features) const {
  const bool empty = ops::count_above(context, mask, 0.0f) == 0;
  // The pointer comes from the decoder: features without memory, the reduced mask as prompt, and
  // the two padding tokens that stand for "no points".
  const ModelPoint none{0.0f, 0.0f, -1};
  const Tensor sparse = prompts_.sparse(context, {&none, 1});
  HeadRequest request;
  request.image = features.vision.reshape({1, features.vision.dim(0), features.vision.dim(1)});
  request.sparse = sparse.reshape({1, sparse.dim(0), sparse.dim(1)});
  request.dense =
      prompts_.dense(context, reduce_mask(context, mask).reshape({1, mask_side_, mask_side_}));
  request.multimask = false;
  HeadResult result = run(context, request, features);
  const Tensor logits = ops::affine(context, mask, kMaskScale, kMaskBias);
  result.low_res = ops::resize_antialias(context, logits.reshape({mask.dim(0), mask.dim(1), 1}),
                                         mask_side_, mask_side_)
                       .reshape({1, mask_side_, mask_side_});
  const float score = empty ? kMaskBias : kMaskScale + kMaskBias;
  result.scores = context.to_device(Tensor::from(std::vector<float>{score}, {1}));
  result.ious = context.to_device(Tensor::from(std::vector<float>{1.0f}, {1}));
  result.candidate_ious = result.ious.reshape({1, 1});
  ops::gated_replace_inplace(context, result.pointers, result.scores, no_object_pointer_);
  return result;
}

}  // namespace vmolmo::sam2
