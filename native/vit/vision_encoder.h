#pragma once

#include <memory>
#include <string>
#include <vector>

#include "native/ops/context.h"
#include "native/vit/config.h"
#include "native/weights/weight_source.h"

namespace vmolmo {

// What turns crops into the patch features that a pointer reads: Vit, or what takes its place.
class VisionEncoder {
 public:
  virtual ~VisionEncoder() = default;

  // crops [T, n * n, 3 * patch^2] -> [T, n * n, feature_width()]. A crop's features do not depend
  // on the crops beside it. `rows_at_once`: tokens of crops that go through together.
  virtual Tensor encode(Context& context, const Tensor& crops, int64_t rows_at_once) const = 0;
  virtual int64_t feature_width() const = 0;
};

// The encoder of a configuration. `layers`: blocks whose outputs are concatenated, negative ones
// counting from the last stored block.
std::unique_ptr<VisionEncoder> make_vision_encoder(const VitConfig& config,
                                                   const std::vector<int64_t>& layers,
                                                   WeightLoader& weights,
                                                   const std::string& prefix);
// Its share of a memory plan: bytes of its activations for so many tokens at once, features
// included.
size_t vision_encoder_bytes(const VitConfig& config, int64_t feature_width, int64_t rows);

}  // namespace vmolmo
