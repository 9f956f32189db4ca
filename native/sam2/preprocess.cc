#include "native/sam2/preprocess.h"

#include <array>

#include "native/ops/pixels.h"
#include "native/sam2/layers.h"

namespace vmolmo::sam2 {
namespace {

constexpr std::array<float, 3> kMean{0.485f, 0.456f, 0.406f};
constexpr std::array<float, 3> kStd{0.229f, 0.224f, 0.225f};

Tensor resize_image(Context& context, const ops::ImageView& image, int64_t size) {
  return ops::normalize(context, ops::resize_antialias(context, image, size, size), kMean, kStd);
}

Tensor resize_video(Context& context, const ops::ImageView& image, int64_t size) {
  const Tensor bytes = ops::resize_pillow_bicubic(context, image, size, size);
  context.tap("prep.pil_bicubic_u8", bytes);
  return ops::normalize(context, bytes, kMean, kStd);
}

}  // namespace

Tensor preprocess(Context& context, const ops::ImageView& image, int64_t image_size,
                  ResizeMode mode) {
  require(image.channels == 3, Code::kInvalidArgument, "image: expected 3 channels, got ",
          image.channels);
  const bool video = mode == ResizeMode::kVideo;
  Tensor pixels =
      video ? resize_video(context, image, image_size) : resize_image(context, image, image_size);
  pixels = pixels.reshape({1, image_size, image_size, 3});
  tap_nchw(context, video ? "prep.video_loader" : "prep.image_predictor", pixels);
  return pixels;
}

}  // namespace vmolmo::sam2
