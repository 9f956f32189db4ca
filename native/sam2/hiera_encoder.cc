#include "native/sam2/hiera_encoder.h"

#include "native/ops/copy.h"

namespace vmolmo::sam2 {

HieraEncoder::HieraEncoder(const Sam2Config& config, WeightLoader& loader, Context& context)
    : trunk_(config, loader, context), neck_(config, loader) {}

std::shared_ptr<ImageFeatures> HieraEncoder::forward(Context& context, const Tensor& pixels) const {
  const Tensor* input = &pixels;
  if (context.keeps_graphs()) {
    if (!pixels_) pixels_ = context.empty(pixels.shape());
    ops::copy_into(context, pixels, pixels_);
    input = &pixels_;
  }
  const std::vector<Tensor> maps = graph_.run(context, [&] {
    const NeckOutput neck = neck_.forward(context, trunk_.forward(context, *input));
    return std::vector<Tensor>{neck.vision.reshape({-1, neck.vision.dim(-1)}), neck.high0,
                               neck.high1};
  });
  auto features = std::make_shared<ImageFeatures>();
  features->vision = maps[0];
  features->high0 = maps[1];
  features->high1 = maps[2];
  return features;
}

}  // namespace vmolmo::sam2
