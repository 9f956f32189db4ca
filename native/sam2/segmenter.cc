#include "native/sam2/segmenter.h"

#include "native/ops/call_scope.h"
#include "native/ops/memory_left.h"
#include "native/ops/picture.h"
#include "native/sam2/family.h"
#include "native/sam2/image_predictor.h"
#include "native/sam2/memory_needs.h"
#include "native/sam2/video.h"

namespace vmolmo::sam2 {

ImageFeatures& own_features(const FrameFeaturesPtr& features) {
  require(features != nullptr, Code::kInvalidArgument, "features: expected a frame's, got none.");
  auto* own = dynamic_cast<ImageFeatures*>(features.get());
  require(own != nullptr, Code::kInvalidArgument,
          "features: expected SAM 2's, got those of another family.");
  return *own;
}

Sam2Segmenter::Sam2Segmenter(const Sam2Config& config, std::shared_ptr<WeightSource> weights,
                             const LoadOptions& options)
    : context_(options.device, options.threads, options.memory_limit) {
  const WeightPolicy policy(options);
  require(!policy.quantises(), Code::kInvalidArgument,
          "A segmenter's weights are held as stored, in f32 or in bf16; they are not quantised.");
  const CallScope scope(context_, {options.cancel, nullptr});
  context_.set_products(policy.exact() ? Products::kExact : Products::kTensorCores);
  WeightLoader loader(std::move(weights), tensor_rules(options.names), policy, context_.threads());
  loader.set_cancel(options.cancel);
  loader.set_memory(context_.weight_memory());
  model_ = std::make_shared<const Model>(config, loader, context_);
  info_.parameters = loader.parameters();
  info_.weight_bytes = loader.bytes();
  info_.threads = context_.threads().size();
  plan(options);
}

void Sam2Segmenter::plan(const LoadOptions& options) {
  const MemoryLeft left(context_, options.memory_limit, info_.weight_bytes);
  const MemoryNeeds needs = memory_needs(model_->config(), context_.device().kind);
  info_.objects = planned_objects(needs, left.available);
  left.require_for("segmenter", needs.bytes(info_.objects));
  context_.reserve(needs.bytes(info_.objects));
  info_.work_bytes = static_cast<int64_t>(needs.bytes(info_.objects));
}

FrameFeaturesPtr Sam2Segmenter::encode(const RgbImage& image, ResizeMode mode,
                                       const CallOptions& call) {
  const CallScope scope(context_, call);
  return model_->encode(context_, ops::view_of(image), mode);
}

std::vector<ImageMasks> Sam2Segmenter::segment(const FrameFeaturesPtr& features,
                                               const std::vector<ImagePrompt>& prompts,
                                               const SegmentOptions& options,
                                               const CallOptions& call) {
  const CallScope scope(context_, call);
  return segment_image(context_, *model_, own_features(features), prompts, options);
}

std::unique_ptr<SegmenterVideo> Sam2Segmenter::open_video(const VideoOptions& options) {
  return std::make_unique<Sam2Video>(*this, options);
}

}  // namespace vmolmo::sam2
