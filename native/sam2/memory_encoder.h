#pragma once

#include <vector>

#include "native/layers/conv.h"
#include "native/layers/linear.h"
#include "native/sam2/config.h"
#include "native/sam2/image_encoder.h"

namespace vmolmo::sam2 {

// Turns a frame's features and each object's mask into the memory that later frames attend to.
class MemoryEncoder {
 public:
  MemoryEncoder(const Sam2Config& config, WeightLoader& loader);

  struct Request {
    Tensor logits;          // [B, h, w]: low resolution, or S x S
    Tensor scores;          // [B]: an object whose score is not positive is absent
    bool gated = false;     // logits of absent objects are kAbsentLogit everywhere
    bool binarize = false;  // hard masks (prompted frames) instead of sigmoids (tracked frames)
  };

  // [B, g^2, M] f32, already rounded to bfloat16 values unless `round` is false.
  Tensor encode(Context& context, ImageFeatures& features, const Request& request,
                bool round = true) const;
  // The projection of F2, [1, g, g, C]; made once per frame.
  const Tensor& pixel_features(Context& context, ImageFeatures& features) const;
  // Sine code of the memory grid: [g^2, M].
  const Tensor& positions() const { return positions_; }

 private:
  struct Fuser {
    Conv depthwise;
    LayerNorm norm;
    Linear expand;
    Linear shrink;  // the layer scale is folded in
  };

  // Mask values [B, S, S, 1] to [B, g, g, C].
  Tensor downsample(Context& context, Tensor x) const;
  Tensor mask_features(Context& context, const Request& request) const;
  // Some objects of a request.
  Tensor encode_part(Context& context, ImageFeatures& features, const Request& request) const;
  Tensor fuse(Context& context, const Fuser& fuser, const Tensor& x) const;

  int64_t image_size_;
  float sigmoid_scale_;
  float sigmoid_bias_;
  std::vector<Conv> convs_;
  std::vector<LayerNorm> norms_;
  Linear mask_proj_;
  Linear pixel_proj_;
  std::vector<Fuser> fusers_;
  Linear out_proj_;
  Tensor occlusion_;  // [M], 2.1 only
  Tensor positions_;
  mutable Tensor empty_mask_;  // downsample() of a mask that is background everywhere
};

}  // namespace vmolmo::sam2
