#include "native/sam2/video_predictor.h"

#include <algorithm>

#include "native/sam2/checks.h"

namespace vmolmo::sam2 {

VideoPredictor::VideoPredictor(std::shared_ptr<const Model> model, const VideoOptions& options)
    : model_(std::move(model)), options_(options) {
  expect(options.width > 0 && options.height > 0, "width, height: expected positive numbers, got ",
         options.width, " x ", options.height, ".");
  expect(options.frame_count >= 0, "frameCount: expected 0 (unknown) or more, got ",
         options.frame_count, ".");
  expect(options.memory_stride >= 1, "memoryStride: expected 1 or more, got ",
         options.memory_stride, ".");
  expect(options.max_conditioning_frames == 0 || options.max_conditioning_frames == -1 ||
             options.max_conditioning_frames >= 2,
         "maxConditioningFrames: expected -1 (no limit) or at least 2, got ",
         options.max_conditioning_frames, ".");
  expect(options.fill_hole_area >= 0, "fillHoleArea: expected 0 or more, got ",
         options.fill_hole_area, ".");
}

VideoPredictor::ObjectPtr VideoPredictor::find(int64_t id) const {
  const auto at = std::ranges::find(objects_, id, &Object::id);
  return at == objects_.end() ? nullptr : *at;
}

VideoPredictor::ObjectPtr VideoPredictor::require_object(int64_t id) const {
  ObjectPtr object = find(id);
  expect(object != nullptr, "objectId: there is no object ", id, " in this session.");
  return object;
}

std::vector<int64_t> VideoPredictor::object_ids() const {
  std::lock_guard lock(mutex_);
  return ids();
}

void VideoPredictor::reset() {
  std::lock_guard lock(mutex_);
  objects_.clear();
}

std::vector<int64_t> VideoPredictor::ids() const {
  std::vector<int64_t> ids;
  for (const ObjectPtr& object : objects_) ids.push_back(object->id);
  return ids;
}

void VideoPredictor::check_frame(int64_t frame) const {
  expect(frame >= 0 && (options_.frame_count == 0 || frame < options_.frame_count),
         "frameIndex: expected 0 .. ",
         options_.frame_count == 0 ? std::string("any") : concat(options_.frame_count - 1),
         ", got ", frame, ".");
}

void VideoPredictor::check_features(const ImageFeatures& features) const {
  model_->check_features(features);
  expect(features.width == options_.width && features.height == options_.height,
         "features: expected those of a frame of ", options_.width, " x ", options_.height,
         ", got ", features.width, " x ", features.height, ".");
}

BankLimits VideoPredictor::limits() const {
  const Sam2Config& config = model_->config();
  BankLimits limits;
  limits.memory_frames = config.max_memory_frames;
  limits.stride = options_.memory_stride;
  limits.max_conditioning = options_.max_conditioning_frames != 0 ? options_.max_conditioning_frames
                                                                  : config.max_conditioning_frames;
  limits.pointer_frames = options_.frame_count == 0
                              ? config.max_object_pointers
                              : std::min(options_.frame_count, config.max_object_pointers);
  return limits;
}

VideoPredictor::PromptPlace VideoPredictor::place_of(const Object& object, int64_t frame) const {
  PromptPlace place;
  const auto passed = object.passed.find(frame);
  place.initial = passed == object.passed.end();
  place.reverse = !place.initial && passed->second;
  // Where a correction does not become a conditioning frame, the next pass over it recomputes it.
  place.conditioning =
      place.initial || options_.add_all_frames_to_correct_as_cond || options_.keep_corrections;
  return place;
}

FrameOutputPtr VideoPredictor::latest(const Object& object, int64_t frame,
                                      bool conditioning) const {
  const OutputTable& pending = conditioning ? object.pending_conditioning : object.pending_tracked;
  if (auto output = pending.find(frame)) return output;
  if (auto output = object.bank.conditioning.find(frame)) return output;
  const auto tracked = object.bank.tracked.find(frame);
  return tracked == object.bank.tracked.end() ? nullptr : tracked->second;
}

void VideoPredictor::forget(int64_t first, int64_t last) {
  std::lock_guard lock(mutex_);
  forget_locked(first, last);
}

void VideoPredictor::forget_locked(int64_t first, int64_t last) {
  const auto outside = [&](const auto& entry) { return entry.first < first || entry.first > last; };
  for (const ObjectPtr& object : objects_) {
    std::erase_if(object->bank.tracked, outside);
    std::erase_if(object->passed, [&](const auto& entry) {
      return outside(entry) && !object->bank.conditioning.contains(entry.first);
    });
  }
}

}  // namespace vmolmo::sam2
