#pragma once

#include <memory>

#include "native/ops/context.h"
#include "native/sam2/model.h"
#include "videomolmo/segmenter.h"

namespace vmolmo::sam2 {

// A loaded SAM 2.
class Sam2Segmenter : public Segmenter {
 public:
  Sam2Segmenter(const Sam2Config& config, std::shared_ptr<WeightSource> weights,
                const LoadOptions& options);

  SegmenterInfo info() const override { return info_; }
  MemoryUse memory_use() override { return context_.finish(); }
  const StageTimes& times() override { return context_.times(); }

  FrameFeaturesPtr encode(const RgbImage& image, ResizeMode mode, const CallOptions& call) override;
  std::vector<ImageMasks> segment(const FrameFeaturesPtr& features,
                                  const std::vector<ImagePrompt>& prompts,
                                  const SegmentOptions& options, const CallOptions& call) override;
  std::unique_ptr<SegmenterVideo> open_video(const VideoOptions& options) override;

  Context& context() { return context_; }
  const std::shared_ptr<const Model>& model() const { return model_; }

 private:
  // Makes sure of the work's memory, and takes a GPU's share of it.
  void plan(const LoadOptions& options);

  Context context_;
  std::shared_ptr<const Model> model_;
  SegmenterInfo info_;
};

// SAM 2's own features. Throws INVALID_ARGUMENT for none and for those of another family.
ImageFeatures& own_features(const FrameFeaturesPtr& features);

}  // namespace vmolmo::sam2
