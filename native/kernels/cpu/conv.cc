#include "native/kernels/cpu/conv.h"

#include <algorithm>
#include <cstring>

namespace vmolmo::cpu {
namespace {

// The patch under one output pixel, [kernel_h, kernel_w, in], zero outside the image.
void gather_patch(const float* image, const ConvShape& s, int64_t oy, int64_t ox, float* patch) {
  const int64_t top = oy * s.stride - s.padding, left = ox * s.stride - s.padding;
  const int64_t x0 = std::max<int64_t>(0, -left), x1 = std::min(s.kernel_w, s.width - left);
  const int64_t row = s.kernel_w * s.in;
  for (int64_t ky = 0; ky < s.kernel_h; ++ky, patch += row) {
    const int64_t y = top + ky;
    if (y < 0 || y >= s.height || x0 >= x1) {
      std::fill_n(patch, row, 0.0f);
      continue;
    }
    std::fill_n(patch, x0 * s.in, 0.0f);
    std::memcpy(patch + x0 * s.in, image + (y * s.width + left + x0) * s.in,
                sizeof(float) * static_cast<size_t>((x1 - x0) * s.in));
    std::fill_n(patch + x1 * s.in, (s.kernel_w - x1) * s.in, 0.0f);
  }
}

}  // namespace

void gather_patches(const float* x, const ConvShape& s, int64_t begin, int64_t end,
                    float* patches) {
  const int64_t width = s.out_width(), pixels = s.out_height() * width;
  for (int64_t i = begin; i < end; ++i, patches += s.patch()) {
    const int64_t image = i / pixels, pixel = i % pixels;
    gather_patch(x + image * s.height * s.width * s.in, s, pixel / width, pixel % width, patches);
  }
}

void join_blocks(const float* blocks, int64_t width, int64_t run, int64_t begin, int64_t end,
                 float* y) {
  for (int64_t i = begin; i < end; ++i) {
    float* target = y + i * width * run;
    const float* source = blocks + (i / 2 * width * 2 + i % 2) * run;
    for (int64_t p = 0; p < width; ++p, target += run, source += 2 * run)
      std::copy_n(source, run, target);
  }
}

}  // namespace vmolmo::cpu
