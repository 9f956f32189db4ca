#pragma once

#include <span>
#include <string>

#include "native/layers/attention.h"

namespace vmolmo {

// The reference's running mean over the previous frames, in order: m = g_0, m += (g_i - m) / (i +
// 1). The first `black_frames` of the `black_frames + real.size()` features equal `black`, so the
// mean starts from it. All tensors have one shape; the result may share storage with an input.
Tensor previous_mean(Context& context, const Tensor& black, int64_t black_frames,
                     std::span<const Tensor> real);

struct TemporalConfig {
  int64_t feature_width = 2048;  // of a patch
  int64_t heads = 16;
  int64_t head_dim = 64;
};

// VideoMolmo's temporal module (paper eq. 1, docs/spec/videomolmo.md 6.3): inside each 2x2 window
// the current patches attend to the mean of the previous frames' patches; residual, no biases.
class TemporalModule {
 public:
  TemporalModule(const TemporalConfig& config, WeightLoader& weights, const std::string& prefix);

  // current, previous [W, 4, C] -> current + attention [W, 4, C].
  Tensor attend(Context& context, const Tensor& current, const Tensor& previous) const;

 private:
  Attention attention_;
};

}  // namespace vmolmo
