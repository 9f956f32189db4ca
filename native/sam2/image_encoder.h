#pragma once

#include <memory>

#include "native/sam2/frame_graph.h"
#include "native/sam2/neck.h"
#include "native/sam2/preprocess.h"
#include "native/sam2/trunk.h"

namespace vmolmo::sam2 {

// Everything the model derives from one frame alone. Computed once and shared by objects, prompts,
// directions and sessions of one model; used on that model's engine thread only.
struct ImageFeatures {
  uint64_t model = 0;  // the id of the model that made it
  int64_t width = 0;   // of the original picture, pixels
  int64_t height = 0;
  Tensor vision;  // F2 [g^2, C]
  Tensor high0;   // s0 [1, 4g, 4g, C/8]
  Tensor high1;   // s1 [1, 2g, 2g, C/4]

  // Made on first use by the tracker.
  Tensor memory_query;   // memory attention's input after the first self attention, [g^2, C]
  Tensor memory_pixels;  // the memory encoder's projection of F2, [1, g, g, C]
};

class ImageEncoder {
 public:
  ImageEncoder(const Sam2Config& config, WeightLoader& loader, Context& context);

  // pixels [1, S, S, 3], preprocessed. One graph on a GPU.
  std::shared_ptr<ImageFeatures> forward(Context& context, const Tensor& pixels) const;

  const FrameGraph& graph() const { return graph_; }

 private:
  Trunk trunk_;
  Neck neck_;
  mutable Tensor pixels_;  // of the frame in work, in place for the graph
  mutable FrameGraph graph_;
};

}  // namespace vmolmo::sam2
