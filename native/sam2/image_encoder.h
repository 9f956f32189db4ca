#pragma once

#include <memory>

#include "native/ops/context.h"
#include "native/sam2/config.h"
#include "native/weights/weight_source.h"
#include "videomolmo/segmenter.h"

namespace vmolmo::sam2 {

// Everything the model derives from one frame alone. Computed once and shared by objects, prompts,
// directions and sessions of one model; used on that model's engine thread only.
struct ImageFeatures : FrameFeatures {
  uint64_t model = 0;  // the id of the model that made it
  Tensor vision;       // F2 [g^2, C]
  Tensor high0;        // s0 [1, 4g, 4g, C/8]
  Tensor high1;        // s1 [1, 2g, 2g, C/4]

  // Made on first use by the tracker.
  Tensor memory_query;   // memory attention's input after the first self attention, [g^2, C]
  Tensor memory_pixels;  // the memory encoder's projection of F2, [1, g, g, C]
};

// What turns a frame into the maps that prompts and tracking start from: HieraEncoder, or what
// takes its place.
class ImageEncoder {
 public:
  virtual ~ImageEncoder() = default;

  // pixels [1, S, S, 3], preprocessed -> vision, high0 and high1, tensors of their own.
  virtual std::shared_ptr<ImageFeatures> forward(Context& context, const Tensor& pixels) const = 0;
};

// The encoder of a configuration.
std::unique_ptr<ImageEncoder> make_image_encoder(const Sam2Config& config, WeightLoader& loader,
                                                 Context& context);
// Its share of a memory plan: bytes of its activations on a frame.
size_t image_encoder_bytes(const Sam2Config& config);

}  // namespace vmolmo::sam2
