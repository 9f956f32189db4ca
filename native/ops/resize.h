#pragma once

#include "native/ops/context.h"

namespace vmolmo::ops {

// A picture of 8-bit samples, rows `stride` bytes apart. Borrowed.
struct ImageView {
  const uint8_t* data = nullptr;
  int64_t width = 0;
  int64_t height = 0;
  int64_t channels = 3;
  int64_t stride = 0;  // bytes from one row to the next
};

// Antialiased bilinear, as torch / torchvision resize float tensors: separable, width first, f32
// intermediate, an axis that keeps its length is skipped. x [H, W, C] f32 -> [out_h, out_w, C].
Tensor resize_antialias(Context& context, const Tensor& x, int64_t out_h, int64_t out_w);
// The same from bytes, after f32(byte) / 255.
Tensor resize_antialias(Context& context, const ImageView& image, int64_t out_h, int64_t out_w);

// Plain bilinear with half-pixel centres, no antialias. x [B, H, W, C] f32 -> [B, out_h, out_w, C].
Tensor resize_bilinear(Context& context, const Tensor& x, int64_t out_h, int64_t out_w);

// Nearest, each sample repeated 2x2: [B, H, W, C] -> [B, 2H, 2W, C].
Tensor upsample_nearest_2x(Context& context, const Tensor& x);

// Bicubic with A = -0.75, half-pixel centres, no antialias, border taps clamped, source coordinates
// not clamped (torch's interpolate). x [H, W, C] f32.
Tensor resize_bicubic(Context& context, const Tensor& x, int64_t out_h, int64_t out_w);

// Pillow's 8-bit bicubic resize, bit-exact: antialiased, fixed point with 22 bits, horizontal pass
// first, bytes in between. Returns u8 [out_h, out_w, channels].
Tensor resize_pillow_bicubic(Context& context, const ImageView& image, int64_t out_h,
                             int64_t out_w);

}  // namespace vmolmo::ops
