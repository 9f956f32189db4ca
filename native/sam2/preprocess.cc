#include "native/sam2/preprocess.h"

#include <array>

#include "native/sam2/layers.h"

namespace vmolmo::sam2 {
namespace {

constexpr std::array<float, 3> kMean{0.485f, 0.456f, 0.406f};
constexpr std::array<float, 3> kStd{0.229f, 0.224f, 0.225f};

Tensor resize_image(Context& context, const ops::ImageView& image, int64_t size) {
  Tensor pixels = ops::resize_antialias(context, image, size, size);
  float* data = pixels.data<float>();
  context.threads().parallel_for(size * size, 4096, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      for (size_t c = 0; c < 3; ++c) {
        float& value = data[i * 3 + static_cast<int64_t>(c)];
        value = (value - kMean[c]) / kStd[c];
      }
  });
  return pixels;
}

Tensor resize_video(Context& context, const ops::ImageView& image, int64_t size) {
  const Tensor bytes = ops::resize_pillow_bicubic(context, image, size, size);
  context.tap("prep.pil_bicubic_u8", bytes);
  std::array<std::array<float, 3>, 256> table;
  for (size_t value = 0; value < 256; ++value)
    for (size_t c = 0; c < 3; ++c)
      table[value][c] =
          (static_cast<float>(static_cast<double>(value) / 255.0) - kMean[c]) / kStd[c];
  Tensor pixels = context.empty({size, size, 3});
  const uint8_t* in = bytes.data<uint8_t>();
  float* out = pixels.data<float>();
  context.threads().parallel_for(size * size, 4096, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      for (int64_t c = 0; c < 3; ++c) out[i * 3 + c] = table[in[i * 3 + c]][static_cast<size_t>(c)];
  });
  return pixels;
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
