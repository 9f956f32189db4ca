#pragma once

#include <memory>

#include "native/ops/resize.h"
#include "native/sam2/frame_step.h"
#include "native/sam2/memory_bank.h"
#include "native/sam2/tracker_heads.h"

namespace vmolmo::sam2 {

// The parts of a SAM 2 model, loaded. Immutable, so any number of sessions may share one; runs on
// the engine thread of its context.
class Model {
 public:
  // Takes every tensor of the checkpoint. Throws CHECKPOINT_INVALID or UNSUPPORTED_MODEL.
  Model(const Sam2Config& config, WeightLoader& loader, Context& context);

  const Sam2Config& config() const { return config_; }
  uint64_t id() const { return id_; }

  // A picture -> its features. `width` and `height` belong to the original picture.
  std::shared_ptr<ImageFeatures> encode(Context& context, const ops::ImageView& image,
                                        ResizeMode mode) const;
  // pixels [1, S, S, 3], preprocessed.
  std::shared_ptr<ImageFeatures> encode(Context& context, const Tensor& pixels, int64_t width,
                                        int64_t height) const;

  // F2 plus the embedding that says "no memory": [g^2, C].
  Tensor image_embedding(Context& context, const ImageFeatures& features) const;
  // Throws INVALID_ARGUMENT unless the features are this model's.
  void check_features(const ImageFeatures& features) const;
  // Pixels or fractions of a picture of the given size to points of the model's square, box corners
  // first. Throws INVALID_ARGUMENT for what is no valid prompt.
  std::vector<ModelPoint> place_prompt(const PointPrompt& prompt, int64_t width,
                                       int64_t height) const;

  const ImageEncoder& encoder() const { return *encoder_; }
  const PromptEncoder& prompts() const { return prompts_; }
  const MaskDecoder& decoder() const { return decoder_; }
  const TrackerHeads& heads() const { return heads_; }
  const MemoryEncoder& memory_encoder() const { return memory_encoder_; }
  const MemoryAttention& memory_attention() const { return memory_attention_; }
  const MemoryAssembler& assembler() const { return assembler_; }
  const FrameStep& step() const { return step_; }

 private:
  Sam2Config config_;
  uint64_t id_;
  std::unique_ptr<ImageEncoder> encoder_;
  PromptEncoder prompts_;
  MaskDecoder decoder_;
  TrackerHeads heads_;
  MemoryEncoder memory_encoder_;
  MemoryAttention memory_attention_;
  MemoryAssembler assembler_;
  FrameStep step_;
  Tensor no_memory_;  // [C]
};

}  // namespace vmolmo::sam2
