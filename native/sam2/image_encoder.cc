#include "native/sam2/image_encoder.h"

namespace vmolmo::sam2 {

ImageEncoder::ImageEncoder(const Sam2Config& config, WeightLoader& loader, Context& context)
    : trunk_(config, loader, context), neck_(config, loader) {}

std::shared_ptr<ImageFeatures> ImageEncoder::forward(Context& context, const Tensor& pixels) const {
  StageTimer timer(context, "imageEncoder");
  const NeckOutput neck = neck_.forward(context, trunk_.forward(context, pixels));
  auto features = std::make_shared<ImageFeatures>();
  features->vision = neck.vision.reshape({-1, neck.vision.dim(-1)});
  features->high0 = neck.high0;
  features->high1 = neck.high1;
  return features;
}

}  // namespace vmolmo::sam2
