#pragma once

#include "native/ops/resize.h"
#include "videomolmo/segmenter.h"

namespace vmolmo::sam2 {

// RGB bytes of any size -> [1, S, S, 3], squashed to the square and normalised with ImageNet's mean
// and standard deviation.
Tensor preprocess(Context& context, const ops::ImageView& image, int64_t image_size,
                  ResizeMode mode);

}  // namespace vmolmo::sam2
