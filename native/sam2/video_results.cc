// The masks of a frame as the caller gets them.

#include <algorithm>

#include "native/ops/elementwise.h"
#include "native/ops/mask.h"
#include "native/ops/resize.h"
#include "native/ops/stack.h"
#include "native/sam2/video_predictor.h"
#include "native/weights/finite.h"

namespace vmolmo::sam2 {
namespace {

constexpr float kOverlapLogit = -10.0f;

struct Gathered {
  Tensor low_res;  // [count, 4g, 4g]
  Tensor values;   // [2, count]: object scores, IoUs
};

// Outputs that are not there count as absent objects of IoU 0.
Gathered gather(Context& context, const std::vector<FrameOutputPtr>& outputs, int64_t side) {
  const auto count = static_cast<int64_t>(outputs.size());
  FrameOutput missing;
  if (std::ranges::count(outputs, nullptr) > 0) {
    missing.low_res = context.empty({side, side});
    missing.score = context.empty({1});
    missing.iou = context.zeros({1});
    ops::fill_inplace(context, missing.low_res, kAbsentLogit);
    ops::fill_inplace(context, missing.score, kAbsentLogit);
  }
  std::vector<Tensor> low_res, scores, ious;
  for (const FrameOutputPtr& output : outputs) {
    const FrameOutput& one = output ? *output : missing;
    low_res.push_back(context.to_device(one.low_res));
    scores.push_back(one.score);
    ious.push_back(one.iou);
  }
  Gathered all{ops::stacked(context, low_res), context.empty({2, count})};
  ops::stack_into(context, scores, all.values[0]);
  ops::stack_into(context, ious, all.values[1]);
  return all;
}

}  // namespace

void apply_non_overlap(Context& context, Tensor& logits) {
  ops::suppress_overlap_inplace(context, logits, kOverlapLogit);
}

FrameMasks VideoPredictor::collect(Context& context, int64_t frame, bool conditioning,
                                   bool logits) const {
  std::vector<FrameOutputPtr> outputs;
  for (const ObjectPtr& object : objects_) outputs.push_back(latest(*object, frame, conditioning));
  return render(context, frame, outputs, logits);
}

FrameMasks VideoPredictor::render(Context& context, int64_t frame,
                                  const std::vector<FrameOutputPtr>& outputs, bool logits) const {
  const auto count = static_cast<int64_t>(outputs.size());
  const int64_t side = model_->config().mask_side();
  FrameMasks result;
  result.frame = frame;
  result.object_ids = ids();
  const Shape size{count, options_.height, options_.width};
  if (count == 0) {
    result.low_res = Tensor::empty(cpu_heap(), {0, side, side});
    result.masks = Tensor::empty(cpu_heap(), size, DType::kU8);
    if (logits) result.logits = Tensor::empty(cpu_heap(), size);
    return result;
  }
  const Gathered all = gather(context, outputs, side);
  Tensor masks, full;
  if (logits) {
    full = ops::resize_bilinear(context, all.low_res.reshape({count, side, side, 1}),
                                options_.height, options_.width)
               .reshape(size);
    if (options_.non_overlap_masks) apply_non_overlap(context, full);
    masks = ops::threshold(context, full, 0.0f);
  } else {
    masks = ops::render_masks(
        context, all.low_res, options_.height, options_.width, 0.0f,
        options_.non_overlap_masks ? std::optional<float>(kOverlapLogit) : std::nullopt);
  }
  // Everything has been started; now the host waits, for the first time in the frame.
  result.masks = context.to_host(masks);
  result.low_res = context.to_host(all.low_res);
  if (logits) result.logits = context.to_host(full);
  require_finite(result.low_res, "a mask's logits");
  const Tensor host_values = context.to_host(all.values);
  require_finite(host_values, "the objects' scores");
  const std::vector<float> values = host_values.to_vector();
  result.object_scores.assign(values.begin(), values.begin() + count);
  result.ious.assign(values.begin() + count, values.end());
  return result;
}

}  // namespace vmolmo::sam2
