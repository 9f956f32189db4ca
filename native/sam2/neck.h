#pragma once

#include <array>

#include "native/layers/linear.h"
#include "native/sam2/config.h"

namespace vmolmo::sam2 {

// What the neck hands on: F2 and the decoder's two skip maps.
struct NeckOutput {
  Tensor vision;  // F2 [1, g, g, C], stride 16
  Tensor high0;   // s0 [1, 4g, 4g, C/8], stride 4
  Tensor high1;   // s1 [1, 2g, 2g, C/4], stride 8
};

// The feature pyramid with the decoder's conv_s0 and conv_s1 folded into its two fine levels, which
// nothing else reads.
class Neck {
 public:
  Neck(const Sam2Config& config, WeightLoader& loader);

  NeckOutput forward(Context& context, const std::array<Tensor, 4>& stages) const;

 private:
  void tap_unfolded(Context& context, const std::array<Tensor, 4>& stages) const;

  std::array<Linear, 4> lateral_;  // finest first: stages 1, 2, 3, 4
  Linear skip0_, skip1_;           // stage 1 -> s0, stage 2 -> s1
};

}  // namespace vmolmo::sam2
