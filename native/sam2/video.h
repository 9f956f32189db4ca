#pragma once

#include "native/sam2/segmenter.h"
#include "native/sam2/video_predictor.h"

namespace vmolmo::sam2 {

// A clip's session behind the public interface: the predictor on its segmenter's context.
class Sam2Video : public SegmenterVideo {
 public:
  Sam2Video(Sam2Segmenter& owner, const VideoOptions& options);

  FrameMasks add_points(int64_t frame, const FrameFeaturesPtr& features, int64_t object,
                        const PointPrompt& prompt, bool clear_old, const VideoCall& call) override;
  FrameMasks add_mask(int64_t frame, const FrameFeaturesPtr& features, int64_t object,
                      const Tensor& mask, const VideoCall& call) override;
  FrameMasks clear_prompts(int64_t frame, int64_t object, const VideoCall& call) override;
  std::vector<FrameMasks> remove_object(int64_t object, bool strict,
                                        const VideoCall& call) override;
  std::vector<int64_t> prompted_frames() const override;
  void commit(int64_t frame, const FrameFeaturesPtr& features, const CallOptions& call) override;
  std::vector<int64_t> plan(std::optional<int64_t> start, std::optional<int64_t> max_frames,
                            bool reverse) const override;
  FrameMasks track(int64_t frame, const FrameFeaturesPtr& features, bool reverse,
                   const VideoCall& call) override;
  bool needs_features(int64_t frame) const override;
  void forget(int64_t first, int64_t last) override;
  void reset() override;
  std::vector<int64_t> object_ids() const override;

 private:
  Context& context_;
  VideoPredictor video_;
};

}  // namespace vmolmo::sam2
