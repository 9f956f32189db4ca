#include "native/sam2/preprocess.h"

#include <array>

#include "native/layers/nchw.h"
#include "native/ops/preprocess.h"

namespace vmolmo::sam2 {
namespace {

constexpr std::array<float, 3> kMean{0.485f, 0.456f, 0.406f};
constexpr std::array<float, 3> kStd{0.229f, 0.224f, 0.225f};

}  // namespace

Tensor preprocess(Context& context, const ops::ImageView& image, int64_t image_size,
                  ResizeMode mode) {
  require(image.channels == 3, Code::kInvalidArgument, "image: expected 3 channels, got ",
          image.channels);
  const bool video = mode == ResizeMode::kVideo;
  if (video && context.recording()) {
    context.tap("prep.pil_bicubic_u8",
                ops::resize_pillow_bicubic(context, image, image_size, image_size));
  }
  const Tensor pixels =
      ops::resize_normalized(
          context, image, image_size, image_size,
          video ? ops::ResizeFilter::kPillowBicubic : ops::ResizeFilter::kTriangle, kMean, kStd)
          .reshape({1, image_size, image_size, 3});
  tap_nchw(context, video ? "prep.video_loader" : "prep.image_predictor", pixels);
  return pixels;
}

}  // namespace vmolmo::sam2
