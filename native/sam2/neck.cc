#include "native/sam2/neck.h"

#include "native/layers/nchw.h"
#include "native/ops/resize.h"

namespace vmolmo::sam2 {

Neck::Neck(const Sam2Config& config, WeightLoader& loader) {
  const int64_t c = config.hidden_size;
  for (size_t stage = 0; stage < 4; ++stage) {
    // convs.0 belongs to the coarsest level.
    lateral_[stage] = load_conv1x1(loader, concat("image_encoder.neck.convs.", 3 - stage, ".conv."),
                                   config.trunk.widths[stage], c);
  }
  skip0_ = fold(loader, lateral_[0], load_conv1x1(loader, "sam_mask_decoder.conv_s0.", c, c / 8));
  skip1_ = fold(loader, lateral_[1], load_conv1x1(loader, "sam_mask_decoder.conv_s1.", c, c / 4));
}

NeckOutput Neck::forward(Context& context, const std::array<Tensor, 4>& stages) const {
  NeckOutput out;
  out.high0 = skip0_(context, stages[0]);
  out.high1 = skip1_(context, stages[1]);
  const Tensor coarse = lateral_[3](context, stages[3]);
  out.vision = lateral_[2].add_to(context, ops::upsample_nearest_2x(context, coarse), stages[2]);
  if (context.recording()) {
    tap_unfolded(context, stages);
    tap_nchw(context, "fpn.2", out.vision);
    tap_nchw(context, "fpn.3", coarse);
    tap_nchw(context, "high_res.s0", out.high0);
    tap_nchw(context, "high_res.s1", out.high1);
    tap_nchw(context, "vision_features", out.vision);
  }
  return out;
}

void Neck::tap_unfolded(Context& context, const std::array<Tensor, 4>& stages) const {
  tap_nchw(context, "fpn.0", lateral_[0](context, stages[0]));
  tap_nchw(context, "fpn.1", lateral_[1](context, stages[1]));
}

}  // namespace vmolmo::sam2
