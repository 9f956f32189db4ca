#pragma once

#include <array>

#include "native/ops/context.h"

namespace vmolmo::ops {

// (x - mean) / std per channel, single precision. x [..., 3] f32, or u8, which counts as
// float(double(byte) / 255).
Tensor normalize(Context& context, const Tensor& x, const std::array<float, 3>& mean,
                 const std::array<float, 3>& std);

// Square crops out of a canvas on which a picture lies on black padding. The canvas is never built.
struct CropCut {
  int64_t top = 0, left = 0;      // of the picture on the canvas
  int64_t rows = 1, columns = 1;  // crops
  int64_t step = 0;               // canvas pixels from one crop to the next
  int64_t grid = 0;               // patches a side of a crop
  int64_t patch = 0;              // pixels a side of a patch
  std::array<float, 3> mean{};
  std::array<float, 3> std{};
};

// picture f32 [h, w, 3], clamped to 0 .. 1, normalised; written into crops
// [rows * columns, grid^2, 3 * patch^2] (contiguous), in patch order.
void cut_crops(Context& context, const Tensor& picture, const CropCut& cut, const Tensor& crops);

}  // namespace vmolmo::ops
