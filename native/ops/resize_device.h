#pragma once

#include "native/ops/preprocess.h"

// The antialiased resizes on a GPU: the CPU's tables of taps, applied there axis by axis.
namespace vmolmo::ops {

// A picture's rows in device memory: u8 [height, width * channels].
Tensor image_on_device(Context& context, const ImageView& image);

Tensor resize_antialias_on_device(Context& context, const Tensor& x, int64_t out_h, int64_t out_w);
Tensor resize_antialias_on_device(Context& context, const ImageView& image, int64_t out_h,
                                  int64_t out_w);
Tensor resize_pillow_on_device(Context& context, const ImageView& image, int64_t out_h,
                               int64_t out_w);

// See preprocess.h.
Tensor resize_normalized_on_device(Context& context, const ImageView& image, int64_t out_h,
                                   int64_t out_w, ResizeFilter filter,
                                   const std::array<float, 3>& mean,
                                   const std::array<float, 3>& std);
void resize_and_cut_on_device(Context& context, const ImageView& image,
                              std::span<const ScaledCut> cuts);

}  // namespace vmolmo::ops
