#pragma once

#include "native/kernels/cuda/pixels.h"
#include "native/kernels/cuda/resize.h"

// The last pass of a resize, down the columns, straight into what a model takes; three channels
// side by side. Taps that are all null: the axis keeps its length.
namespace vmolmo::cuda {

struct Normalization {
  float mean[3] = {}, std[3] = {};
};

// wide [in_h, width, 3] -> y [out_h, width, 3], (value - mean) / std.
void resize_down_normalized(Stream stream, const float* wide, const Taps<float>& taps, float* y,
                            int64_t out_h, int64_t width, const Normalization& normalization);
// The same from bytes through Pillow's bytes, as byte / 255.
void resize_down_normalized(Stream stream, const uint8_t* wide, const Taps<int32_t>& taps, float* y,
                            int64_t out_h, int64_t width, const Normalization& normalization);

// cut_crops() of the picture [cut.height, cut.width, 3] that the taps make of wide
// [in_h, cut.width, 3]; the picture itself is not stored.
void resize_down_cut(Stream stream, const float* wide, const Taps<float>& taps, float* crops,
                     const CropCut& cut);

}  // namespace vmolmo::cuda
