#include "native/sam2/tracker_heads.h"

#include <algorithm>

#include "native/ops/conv.h"
#include "native/ops/elementwise.h"
#include "native/ops/mask.h"
#include "native/ops/resize.h"

namespace vmolmo::sam2 {
namespace {

// A 0/1 mask as logits.
constexpr float kMaskScale = 20.0f;
constexpr float kMaskBias = -10.0f;

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

std::vector<HeadResult> TrackerHeads::run(Context& context, const HeadRequest& request,
                                          const ImageFeatures& features) const {
  StageTimer timer(context, "maskDecoder");
  const int64_t batch = request.sparse.dim(0);
  const Tensor source = decoder_source(context, prompts_, request.image, request.dense, batch);
  const DecoderState state =
      decoder_.transform(context, source, prompts_.image_positions(), request.sparse);
  const std::vector<float> ious = decoder_.ious(context, state).to_vector();
  const std::vector<float> scores = decoder_.object_scores(context, state);
  std::vector<HeadResult> results;
  for (int64_t b = 0; b < batch; ++b) {
    context.check_cancelled();
    results.push_back(choose(context, state, b, ious.data() + b * MaskDecoder::kMasks,
                             scores[static_cast<size_t>(b)], request, features));
  }
  return results;
}

HeadResult TrackerHeads::choose(Context& context, const DecoderState& state, int64_t index,
                                const float* ious, float score, const HeadRequest& request,
                                const ImageFeatures& features) const {
  HeadResult result;
  result.score = score;
  const bool present = score > 0.0f;
  // The token handed on is that of the best candidate, or mask 0's even when another mask replaced
  // it.
  const int64_t best =
      request.multimask ? std::max_element(ious + 1, ious + MaskDecoder::kMasks) - ious : 0;
  if (request.multimask) result.candidate_ious.assign(ious + 1, ious + MaskDecoder::kMasks);
  // The stability of mask 0 decides which IoU is reported, so the single path always needs its
  // masks.
  if (present || !request.multimask || request.all_candidates) {
    const Tensor upscaled = decoder_.upscale(context, state, index, features);
    if (request.multimask && !request.all_candidates) {
      result.low_res = decoder_.mask(context, state, index, best, upscaled);
      result.iou = ious[best];
    } else {
      const std::vector<Candidate> candidates =
          decoder_.candidates(context, state, index, ious, upscaled, request.multimask);
      const Candidate& chosen =
          request.multimask ? candidates[static_cast<size_t>(best - 1)] : candidates[0];
      result.low_res = chosen.logits;
      result.iou = chosen.iou;
      if (!request.multimask) result.candidate_ious = {chosen.iou};
      if (request.all_candidates) {
        std::vector<Tensor> masks;
        for (const Candidate& c : candidates)
          masks.push_back(c.logits.reshape({1, mask_side_, mask_side_}));
        result.candidates = ops::concat(context, masks, 0);
      }
    }
  } else {
    result.iou = ious[best];
  }
  if (!present) {
    result.absent = true;
    result.low_res = context.empty({mask_side_, mask_side_});
    ops::fill_inplace(context, result.low_res, kAbsentLogit);
    if (result.candidates) ops::fill_inplace(context, result.candidates, kAbsentLogit);
    result.pointer = no_object_pointer_;
    return result;
  }
  const Tensor token = decoder_.mask_token(state, index, best);
  result.pointer = pointer_proj_(context, token.reshape({1, token.dim(0)}))[0];
  return result;
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
  HeadResult result = run(context, request, features)[0];
  if (empty) result.pointer = no_object_pointer_;
  const Tensor logits = ops::affine(context, mask, kMaskScale, kMaskBias);
  result.low_res = ops::resize_antialias(context, logits.reshape({mask.dim(0), mask.dim(1), 1}),
                                         mask_side_, mask_side_)
                       .reshape({mask_side_, mask_side_});
  result.score = empty ? kMaskBias : kMaskScale + kMaskBias;
  result.absent = false;
  result.iou = 1.0f;
  result.candidate_ious = {1.0f};
  return result;
}

}  // namespace vmolmo::sam2
