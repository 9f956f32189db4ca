#pragma once

#include <cstdint>
#include <vector>

#include "native/molmo/config.h"

namespace vmolmo {

// How an image of a given size lies in a square or rectangular canvas: scaled to fit, centred.
struct FitBox {
  int64_t canvas_h = 0;
  int64_t canvas_w = 0;
  int64_t scaled_h = 0;
  int64_t scaled_w = 0;
  int64_t top = 0;
  int64_t left = 0;
};

// Everything about a frame's crops and image tokens that follows from its size alone
// (docs/spec/videomolmo.md 3.1 to 3.5). Computed once per stream.
struct ImageLayout {
  int64_t width = 0;
  int64_t height = 0;
  int64_t rows = 1;  // tiles of the high-resolution canvas
  int64_t columns = 1;
  int64_t crops = 2;  // rows * columns + 1, the global crop first
  int64_t cells = 0;  // pooled cells per crop, m * m
  FitBox global;
  FitBox high_res;
  std::vector<int32_t> tokens;  // <im_start> ... <im_end>, both parts
  // [crops * cells]: position of the cell within `tokens`, or kNotInserted.
  std::vector<int32_t> cell_position;
  // [crops * n * n], rows in the reference's order: high-res crops first, then -1 (off by one
  // against the crops).
  std::vector<float> masks;

  static constexpr int32_t kNotInserted = -100;

  // With a single tile the high-resolution crop equals the global one, value for value.
  bool single_tile() const { return rows == 1 && columns == 1; }
};

// Rows and columns of high-resolution crops, in single precision as the reference computes them.
struct Tiling {
  int64_t rows = 1;
  int64_t columns = 1;
};
Tiling select_tiling(const MolmoConfig& config, int64_t width, int64_t height);

// Crops and image tokens of a tiling, counted without laying them out.
struct ImageSize {
  int64_t crops = 0;
  int64_t tokens = 0;
};
ImageSize image_size(const MolmoConfig& config, const Tiling& tiling);

FitBox fit_box(int64_t width, int64_t height, int64_t canvas_w, int64_t canvas_h);

// Throws INVALID_ARGUMENT for sizes below 1 or above 65536 a side.
ImageLayout plan_image(const MolmoConfig& config, int64_t width, int64_t height);

}  // namespace vmolmo
