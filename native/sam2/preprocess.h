#pragma once

#include "native/ops/resize.h"

namespace vmolmo::sam2 {

// Which of the reference's two resizes a picture goes through; they differ by about 3 % on
// textures.
enum class ResizeMode : uint8_t {
  kImage,  // antialiased bilinear on floats (image predictor)
  kVideo,  // Pillow's bicubic on bytes (video loader)
};

// RGB bytes of any size -> [1, S, S, 3], squashed to the square and normalised with ImageNet's mean
// and standard deviation.
Tensor preprocess(Context& context, const ops::ImageView& image, int64_t image_size,
                  ResizeMode mode);

}  // namespace vmolmo::sam2
