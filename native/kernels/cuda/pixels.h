#pragma once

#include <array>
#include <cstdint>

#include "native/kernels/cuda/stream.h"

// Pixels to model inputs; three channels side by side.
namespace vmolmo::cuda {

// out = (x - mean) / std per channel.
void normalize(Stream stream, const float* x, float* out, int64_t pixels,
               const std::array<float, 3>& mean, const std::array<float, 3>& std);
// The same from bytes, as float(double(byte) / 255).
void normalize_bytes(Stream stream, const uint8_t* x, float* out, int64_t pixels,
                     const std::array<float, 3>& mean, const std::array<float, 3>& std);

// Square crops of a canvas on which a picture [height, width, 3] lies at (top, left), black
// elsewhere; clamped to 0 .. 1, normalised, in patch order [rows * columns, grid^2, 3 patch^2].
// Crops start `step` canvas pixels apart.
struct CropCut {
  int64_t height = 0, width = 0, top = 0, left = 0;
  int64_t rows = 1, columns = 1, step = 0, grid = 0, patch = 0;
  float mean[3] = {}, std[3] = {};
};
void cut_crops(Stream stream, const float* picture, float* crops, const CropCut& cut);

}  // namespace vmolmo::cuda
