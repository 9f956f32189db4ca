#pragma once

#include <cstdint>

#include "native/kernels/cuda/stream.h"

namespace vmolmo::cuda {

// Masks of a picture out of logits of another size, without logits of the picture's size.
struct MaskRender {
  const float* logits = nullptr;  // [objects, in_h, in_w]
  uint8_t* masks = nullptr;       // [objects, out_h, out_w], 0 or 1
  int64_t objects = 0, in_h = 0, in_w = 0, out_h = 0, out_w = 0;
  float threshold = 0.0f;
  // Where several objects want a pixel, all but the largest logit (the first of equal ones) count
  // as at most `limit`.
  bool one_owner = false;
  float limit = 0.0f;
};

// mask = resized logit > threshold: the bits of resize_bilinear, suppress_overlap and threshold.
void render_masks(Stream stream, const MaskRender& render);

}  // namespace vmolmo::cuda
