#pragma once

#include "native/sam2/frame_graph.h"
#include "native/sam2/image_encoder.h"
#include "native/sam2/neck.h"
#include "native/sam2/trunk.h"

namespace vmolmo::sam2 {

// SAM 2's own: Hiera and the feature pyramid. One graph on a GPU.
class HieraEncoder final : public ImageEncoder {
 public:
  HieraEncoder(const Sam2Config& config, WeightLoader& loader, Context& context);

  std::shared_ptr<ImageFeatures> forward(Context& context, const Tensor& pixels) const override;

  const FrameGraph& graph() const { return graph_; }

 private:
  Trunk trunk_;
  Neck neck_;
  mutable Tensor pixels_;  // of the frame in work, in place for the graph
  mutable FrameGraph graph_;
};

}  // namespace vmolmo::sam2
