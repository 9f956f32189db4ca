#pragma once

#include <array>
#include <cstdint>

namespace vmolmo::cpu {

// What each byte becomes: (byte / 255 - mean) / std, per channel.
using NormalizedBytes = std::array<std::array<float, 3>, 256>;
NormalizedBytes normalized_bytes(const std::array<float, 3>& mean, const std::array<float, 3>& std);
void normalize_bytes(const uint8_t* x, const NormalizedBytes& table, int64_t pixels, float* out);

// A picture [height, width, 3] that lies at (top, left) on a canvas of padding, from which square
// crops of grid x grid patches are cut, `step` pixels apart.
struct CropCut {
  const float* picture;
  int64_t height, width;
  int64_t top, left;
  int64_t columns, step, grid, patch;
  std::array<float, 3> mean, std;
};

// Rows [begin, end) of patches, counted over all crops: out [.., grid, patch * patch * 3], the
// values clamped to 0..1 and normalised.
void cut_patch_rows(const CropCut& cut, int64_t begin, int64_t end, float* out);

}  // namespace vmolmo::cpu
