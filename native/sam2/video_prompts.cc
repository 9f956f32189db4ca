// Prompts: points, boxes, masks, and taking them back.

#include <algorithm>

#include "native/ops/elementwise.h"
#include "native/sam2/checks.h"
#include "native/sam2/video_predictor.h"

namespace vmolmo::sam2 {
namespace {

constexpr float kFedBackLimit = 32.0f;

}  // namespace

void VideoPredictor::store_pending(const ObjectPtr& object, int64_t frame, bool conditioning,
                                   FrameOutputPtr output) {
  if (!find(object->id)) objects_.push_back(object);
  (conditioning ? object->pending_conditioning : object->pending_tracked)
      .set(frame, std::move(output));
}

FrameMasks VideoPredictor::add_points(Context& context, int64_t frame, ImageFeatures& features,
                                      int64_t id, const PointPrompt& prompt, bool clear_old,
                                      bool logits) {
  check_frame(frame);
  check_features(features);
  expect(!prompt.box || clear_old,
         "box: a box starts a frame's prompt over, so it needs "
         "clearOldPoints = true.");
  std::vector<ModelPoint> points = model_->place_prompt(prompt, options_.width, options_.height);
  expect(!points.empty(), "prompt: expected points or a box, got neither.");
  ObjectPtr object = find(id);
  if (!object) {
    object = std::make_shared<Object>();
    object->id = id;
  }
  const auto earlier = object->points.find(frame);
  if (!clear_old && earlier != object->points.end())
    points.insert(points.begin(), earlier->second.begin(), earlier->second.end());

  const PromptPlace place = place_of(*object, frame);
  const int64_t side = model_->config().mask_side();
  HeadRequest request;
  const std::vector<std::string> labels{label_of(frame, id)};
  if (place.initial) {
    const Tensor image = model_->image_embedding(context, features);
    request.image = image.reshape({1, image.dim(0), image.dim(1)});
  } else {
    const MemoryBatch memories = remember(context, {object}, frame, place.reverse);
    request.image = model_->step().condition(context, features, memories, labels);
  }
  const Tensor sparse = model_->prompts().sparse(context, points);
  request.sparse = sparse.reshape({1, sparse.dim(0), sparse.dim(1)});
  request.multimask = points.size() <= 1;
  if (const FrameOutputPtr previous = latest(*object, frame, place.conditioning)) {
    const Tensor before =
        ops::clamp(context, context.to_device(previous->low_res), -kFedBackLimit, kFedBackLimit);
    request.dense = model_->prompts().dense(context, before.reshape({1, side, side}));
  }
  const HeadResult result = model_->heads().run(context, request, features);
  const FrameOutputPtr output =
      outputs_of(model_->step().finish(context, result, options_.fill_hole_area, labels))[0];

  {
    std::lock_guard lock(mutex_);
    object->points[frame] = std::move(points);
    object->masks.erase(frame);
    store_pending(object, frame, place.conditioning, output);
  }
  return collect(context, frame, place.conditioning, logits);
}

FrameMasks VideoPredictor::add_mask(Context& context, int64_t frame, ImageFeatures& features,
                                    int64_t id, const Tensor& mask, bool logits) {
  check_frame(frame);
  check_features(features);
  ObjectPtr object = find(id);
  if (!object) {
    object = std::make_shared<Object>();
    object->id = id;
  }
  const PromptPlace place = place_of(*object, frame);
  const Tensor square = place_mask(context, mask, model_->config().image_size);
  const HeadResult result = model_->heads().mask_as_output(context, square, features);
  const std::vector<std::string> labels{label_of(frame, id)};
  const FrameOutputPtr output =
      outputs_of(model_->step().finish(context, result, options_.fill_hole_area, labels))[0];

  {
    std::lock_guard lock(mutex_);
    object->masks.insert(frame);
    object->points.erase(frame);
    store_pending(object, frame, place.conditioning, output);
  }
  return collect(context, frame, place.conditioning, logits);
}

bool VideoPredictor::any_pending_conditioning(int64_t frame) const {
  return std::ranges::any_of(objects_, [&](const ObjectPtr& object) {
    return object->pending_conditioning.contains(frame);
  });
}

// A conditioning output stays as a tracked one, and the next prompt on the frame counts as the
// first.
void VideoPredictor::erase_prompts(Object& object, int64_t frame) {
  object.points.erase(frame);
  object.masks.erase(frame);
  object.pending_conditioning.take(frame);
  object.pending_tracked.take(frame);
  if (FrameOutputPtr output = object.bank.conditioning.take(frame)) {
    object.bank.tracked[frame] = std::move(output);
    object.passed.erase(frame);
  }
}

FrameMasks VideoPredictor::clear_prompts(Context& context, int64_t frame, int64_t id, bool logits) {
  check_frame(frame);
  const ObjectPtr object = require_object(id);
  {
    std::lock_guard lock(mutex_);
    erase_prompts(*object, frame);
  }
  return collect(context, frame, any_pending_conditioning(frame), logits);
}

std::vector<FrameMasks> VideoPredictor::remove_object(Context& context, int64_t id, bool strict,
                                                      bool logits) {
  const ObjectPtr object = find(id);
  if (!object) {
    expect(!strict, "objectId: there is no object ", id, " in this session.");
    return {};
  }
  std::set<int64_t> frames = object->masks;
  for (const auto& [frame, points] : object->points) frames.insert(frame);
  {
    std::lock_guard lock(mutex_);
    std::erase(objects_, object);
  }
  std::vector<FrameMasks> results;
  if (objects_.empty()) return results;
  for (const int64_t frame : frames)
    results.push_back(collect(context, frame, any_pending_conditioning(frame), logits));
  return results;
}

}  // namespace vmolmo::sam2
