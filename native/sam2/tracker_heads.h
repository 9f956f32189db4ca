#pragma once

#include <vector>

#include "native/sam2/mask_decoder.h"
#include "native/sam2/prompt_encoder.h"

namespace vmolmo::sam2 {

// Every logit of a mask whose object is not on the frame.
constexpr float kAbsentLogit = -1024.0f;

// The tracker's view of a batch of objects on one frame. All of it lies on the device; nothing has
// been waited for.
struct HeadResult {
  Tensor low_res;         // [B, 4g, 4g], kAbsentLogit everywhere where the object is absent
  Tensor pointers;        // [B, C]
  Tensor scores;          // [B] object score logits, > 0: present
  Tensor ious;            // [B] of the chosen masks
  Tensor candidate_ious;  // [B, 3] with multimask, else [B, 1]
  Tensor candidates;      // [B, 3 or 1, 4g, 4g] when asked for
};

struct HeadRequest {
  Tensor image;   // [B, g^2, C], memory-conditioned or with the no-memory embedding
  Tensor sparse;  // [B, n, C]
  Tensor dense;   // [B, g^2, C], or empty: no mask prompt
  bool multimask = true;
  bool all_candidates = false;  // fill HeadResult::candidates
};

// Decoder, object gate and object pointer put together.
class TrackerHeads {
 public:
  TrackerHeads(const Sam2Config& config, WeightLoader& loader, const PromptEncoder& prompts,
               const MaskDecoder& decoder);

  HeadResult run(Context& context, const HeadRequest& request, const ImageFeatures& features) const;

  // A mask [S, S] (0 or 1, f32) given by the user as the frame's output: a batch of one. Waits for
  // the device.
  HeadResult mask_as_output(Context& context, const Tensor& mask,
                            const ImageFeatures& features) const;

  // The learned 4x4 reduction of a 0/1 mask that feeds the prompt encoder: [S, S] -> [4g, 4g].
  Tensor reduce_mask(Context& context, const Tensor& mask) const;

  const PromptEncoder& prompts() const { return prompts_; }
  const MaskDecoder& decoder() const { return decoder_; }

 private:
  // Some entries of the batch, whose ious [n, 4] and scores [n] are known.
  HeadResult choose(Context& context, const DecoderState& state, const Tensor& ious,
                    const Tensor& scores, const HeadRequest& request,
                    const ImageFeatures& features) const;
  // low_res, ious and what goes with them, before the gate.
  void choose_masks(Context& context, const DecoderState& state, const Tensor& ious,
                    const HeadRequest& request, const ImageFeatures& features,
                    HeadResult& result) const;

  const PromptEncoder& prompts_;
  const MaskDecoder& decoder_;
  int64_t mask_side_;
  Mlp pointer_proj_;
  Tensor no_object_pointer_;  // [C]
  Conv mask_downsample_;
};

// image + dense prompt for every entry of the batch. image [g^2, C] or [B, g^2, C]; dense [B, g^2,
// C] or empty.
Tensor decoder_source(Context& context, const PromptEncoder& prompts, const Tensor& image,
                      const Tensor& dense, int64_t batch);

// A user's mask u8 [h, w] at the model's square: [S, S] f32 0 or 1. Other sizes are resized with
// antialiasing and cut at one half.
Tensor place_mask(Context& context, const Tensor& mask, int64_t image_size);

}  // namespace vmolmo::sam2
