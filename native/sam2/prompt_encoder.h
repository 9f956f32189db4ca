#pragma once

#include <span>

#include "native/layers/conv.h"
#include "native/layers/linear.h"
#include "native/sam2/config.h"

namespace vmolmo::sam2 {

// A point in model coordinates (pixels of the S x S square) with its label: 0 negative, 1 positive,
// 2 and 3 box corners, -1 padding.
struct ModelPoint {
  float x = 0.0f;
  float y = 0.0f;
  int32_t label = 0;
};

// Points and boxes to sparse tokens, masks to a dense map. Codes are random Fourier features,
// always f32.
class PromptEncoder {
 public:
  PromptEncoder(const Sam2Config& config, WeightLoader& loader);

  // One token per point, and the padding point that always follows: [points + 1, C].
  Tensor sparse(Context& context, std::span<const ModelPoint> points) const;
  // Mask logits [B, 4g, 4g] -> [B, g^2, C].
  Tensor dense(Context& context, const Tensor& logits) const;
  // What stands for "no mask", at every pixel: [C].
  const Tensor& no_mask() const { return no_mask_; }
  // The code of every pixel centre of the g x g grid: [g^2, C].
  const Tensor& image_positions() const { return image_positions_; }

 private:
  // The code of a point given as fractions of the square, to out[C].
  void encode(float u, float v, float* out) const;

  int64_t width_;
  int64_t image_size_;
  Tensor gaussian_;          // [2, C / 2]
  Tensor point_embeddings_;  // [4, C]
  Tensor padding_point_;     // [C]
  Tensor no_mask_;           // [C]
  Conv conv1_, conv2_;
  LayerNorm norm1_, norm2_;
  Linear conv3_;
  Tensor image_positions_;
};

}  // namespace vmolmo::sam2
