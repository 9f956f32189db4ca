#pragma once

#include <span>

#include "native/ops/pixels.h"
#include "native/ops/resize.h"

// Pictures to model inputs in as few passes as the device allows. On a GPU the picture's bytes are
// uploaded once and resized across; the pass down the columns writes the input.
namespace vmolmo::ops {

enum class ResizeFilter : uint8_t {
  kTriangle,       // resize_antialias(), f32
  kPillowBicubic,  // resize_pillow_bicubic(), bytes
};

// normalize() of the resized picture: f32 [out_h, out_w, 3].
Tensor resize_normalized(Context& context, const ImageView& image, int64_t out_h, int64_t out_w,
                         ResizeFilter filter, const std::array<float, 3>& mean,
                         const std::array<float, 3>& std);

// cut_crops() of the picture as resize_antialias() scales it.
struct ScaledCut {
  int64_t scaled_h = 0, scaled_w = 0;
  CropCut cut;
  Tensor crops;  // written
};
// Several of them from one picture.
void resize_and_cut(Context& context, const ImageView& image, std::span<const ScaledCut> cuts);

}  // namespace vmolmo::ops
