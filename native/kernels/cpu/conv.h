#pragma once

#include <cstdint>

// What convolutions do beside their products; maps are NHWC.
namespace vmolmo::cpu {

struct ConvShape {
  int64_t batch, height, width, in, out, kernel_h, kernel_w, stride, padding;
  int64_t out_height() const { return (height + 2 * padding - kernel_h) / stride + 1; }
  int64_t out_width() const { return (width + 2 * padding - kernel_w) / stride + 1; }
  int64_t patch() const { return kernel_h * kernel_w * in; }
};

// The patches [kernel_h, kernel_w, in] under the output pixels [begin, end), counted over the whole
// batch; zero outside the image.
void gather_patches(const float* x, const ConvShape& shape, int64_t begin, int64_t end,
                    float* patches);

// Rows [begin, end) of a transposed 2x2 convolution, from the 2x2 block of every input pixel:
// blocks [rows, width, 2, run] -> y [2 * rows, width, run], a run being two output pixels.
void join_blocks(const float* blocks, int64_t width, int64_t run, int64_t begin, int64_t end,
                 float* y);

}  // namespace vmolmo::cpu
