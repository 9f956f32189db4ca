#include "native/sam2/frame_graph.h"

#include "native/ops/copy.h"

namespace vmolmo::sam2 {

std::vector<Tensor> FrameGraph::like_results(Context& context) const {
  std::vector<Tensor> tensors;
  for (const Tensor& result : results_)
    tensors.push_back(context.empty(result.shape(), result.dtype()));
  return tensors;
}

std::vector<Tensor> FrameGraph::run(Context& context, const Work& work) {
  if (!context.keeps_graphs()) return work();
  if (results_.empty()) {
    std::vector<Tensor> results = work();
    for (const Tensor& result : results)
      results_.push_back(context.empty(result.shape(), result.dtype()));
    return results;
  }
  const auto into_place = [&] {
    const std::vector<Tensor> results = work();
    for (size_t i = 0; i < results.size(); ++i) ops::copy_into(context, results[i], results_[i]);
  };
  // A capture takes no memory from the driver, and every frame keeps more of the pool's. So the run
  // before a capture leaves behind what it used and, over that, what the next frame will keep.
  const std::vector<Tensor> kept = like_results(context);
  if (settled_) {
    const int64_t failed = graph_.use().failed;
    graph_.run(context, "frame", into_place);
    settled_ = graph_.use().failed == failed;
  } else {
    const std::vector<Tensor> spare = like_results(context);
    if (graph_.use().plain == 0) {
      graph_.run(context, "frame", into_place);
    } else {
      into_place();
    }
    settled_ = true;
  }
  for (size_t i = 0; i < kept.size(); ++i) ops::copy_into(context, results_[i], kept[i]);
  return kept;
}

}  // namespace vmolmo::sam2
