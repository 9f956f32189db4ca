#include "native/sam2/image_encoder.h"

#include "native/sam2/hiera_encoder.h"
#include "native/tensor/float_bytes.h"

namespace vmolmo::sam2 {

std::unique_ptr<ImageEncoder> make_image_encoder(const Sam2Config& config, WeightLoader& loader,
                                                 Context& context) {
  return std::make_unique<HieraEncoder>(config, loader, context);
}

size_t image_encoder_bytes(const Sam2Config& config) {
  // The first stage's blocks are the widest; its output and those of the other stages stay.
  const int64_t pixels = config.mask_side() * config.mask_side();
  return float_bytes({pixels, 14 * config.trunk.width}) +
         float_bytes({6, config.image_size, config.image_size});
}

}  // namespace vmolmo::sam2
