#include "native/vit/vision_encoder.h"

#include <algorithm>

#include "native/tensor/float_bytes.h"
#include "native/vit/vit.h"

namespace vmolmo {

std::unique_ptr<VisionEncoder> make_vision_encoder(const VitConfig& config,
                                                   const std::vector<int64_t>& layers,
                                                   WeightLoader& weights,
                                                   const std::string& prefix) {
  return std::make_unique<Vit>(config, layers, weights, prefix);
}

size_t vision_encoder_bytes(const VitConfig& config, int64_t feature_width, int64_t rows) {
  const int64_t inner = config.heads * config.head_dim;
  const int64_t wide =
      std::max(4 * inner + 2 * config.width, 2 * config.width + 2 * config.mlp_width);
  return float_bytes({rows, wide + 2 * feature_width});
}

}  // namespace vmolmo
