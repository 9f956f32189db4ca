#include "native/kernels/cpu/pixels.h"

#include <algorithm>

namespace vmolmo::cpu {
namespace {

constexpr int64_t kChannels = 3;

// `patch` pixels of one canvas line, starting at canvas column `x`.
float* write_line(const CropCut& cut, int64_t y, int64_t x, float* out) {
  const int64_t source_y = y - cut.top;
  for (int64_t dx = 0; dx < cut.patch; ++dx) {
    const int64_t source_x = x + dx - cut.left;
    const bool inside =
        source_y >= 0 && source_y < cut.height && source_x >= 0 && source_x < cut.width;
    const float* pixel = cut.picture + (source_y * cut.width + source_x) * kChannels;
    for (size_t c = 0; c < kChannels; ++c) {
      const float value = inside ? std::clamp(pixel[c], 0.0f, 1.0f) : 0.0f;
      *out++ = (value - cut.mean[c]) / cut.std[c];
    }
  }
  return out;
}

}  // namespace

NormalizedBytes normalized_bytes(const std::array<float, 3>& mean,
                                 const std::array<float, 3>& std) {
  NormalizedBytes table;
  for (size_t value = 0; value < table.size(); ++value)
    for (size_t c = 0; c < kChannels; ++c)
      table[value][c] = (static_cast<float>(static_cast<double>(value) / 255.0) - mean[c]) / std[c];
  return table;
}

void normalize_bytes(const uint8_t* x, const NormalizedBytes& table, int64_t pixels, float* out) {
  for (int64_t i = 0; i < pixels; ++i)
    for (size_t c = 0; c < kChannels; ++c) *out++ = table[*x++][c];
}

void cut_patch_rows(const CropCut& cut, int64_t begin, int64_t end, float* out) {
  for (int64_t i = begin; i < end; ++i) {
    const int64_t tile = i / cut.grid, row = i % cut.grid;
    const int64_t top = tile / cut.columns * cut.step + row * cut.patch;
    const int64_t left = tile % cut.columns * cut.step;
    for (int64_t column = 0; column < cut.grid; ++column)
      for (int64_t dy = 0; dy < cut.patch; ++dy)
        out = write_line(cut, top + dy, left + column * cut.patch, out);
  }
}

}  // namespace vmolmo::cpu
