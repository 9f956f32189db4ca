#include "native/sam2/video.h"

#include "native/ops/call_scope.h"

namespace vmolmo::sam2 {

Sam2Video::Sam2Video(Sam2Segmenter& owner, const VideoOptions& options)
    : context_(owner.context()), video_(owner.model(), options) {}

FrameMasks Sam2Video::add_points(int64_t frame, const FrameFeaturesPtr& features, int64_t object,
                                 const PointPrompt& prompt, bool clear_old, const VideoCall& call) {
  const CallScope scope(context_, call);
  return video_.add_points(context_, frame, own_features(features), object, prompt, clear_old,
                           call.logits);
}

FrameMasks Sam2Video::add_mask(int64_t frame, const FrameFeaturesPtr& features, int64_t object,
                               const Tensor& mask, const VideoCall& call) {
  require(mask && mask.dtype() == DType::kU8 && mask.rank() == 2 && mask.numel() > 0 &&
              mask.is_contiguous(),
          Code::kInvalidArgument, "mask: expected u8 [height, width].");
  const CallScope scope(context_, call);
  return video_.add_mask(context_, frame, own_features(features), object, mask, call.logits);
}

FrameMasks Sam2Video::clear_prompts(int64_t frame, int64_t object, const VideoCall& call) {
  const CallScope scope(context_, call);
  return video_.clear_prompts(context_, frame, object, call.logits);
}

std::vector<FrameMasks> Sam2Video::remove_object(int64_t object, bool strict,
                                                 const VideoCall& call) {
  const CallScope scope(context_, call);
  return video_.remove_object(context_, object, strict, call.logits);
}

std::vector<int64_t> Sam2Video::prompted_frames() const { return video_.prompted_frames(); }

void Sam2Video::commit(int64_t frame, const FrameFeaturesPtr& features, const CallOptions& call) {
  const CallScope scope(context_, call);
  video_.commit(context_, frame, own_features(features));
}

std::vector<int64_t> Sam2Video::plan(std::optional<int64_t> start,
                                     std::optional<int64_t> max_frames, bool reverse) const {
  return video_.plan(start, max_frames, reverse);
}

FrameMasks Sam2Video::track(int64_t frame, const FrameFeaturesPtr& features, bool reverse,
                            const VideoCall& call) {
  const CallScope scope(context_, call);
  ImageFeatures* own = features ? &own_features(features) : nullptr;
  return video_.track(context_, frame, own, reverse, call.logits);
}

bool Sam2Video::needs_features(int64_t frame) const { return video_.needs_features(frame); }
void Sam2Video::forget(int64_t first, int64_t last) { video_.forget(first, last); }
void Sam2Video::reset() { video_.reset(); }
std::vector<int64_t> Sam2Video::object_ids() const { return video_.object_ids(); }

}  // namespace vmolmo::sam2
