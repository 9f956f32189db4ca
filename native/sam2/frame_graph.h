#pragma once

#include <functional>
#include <string>
#include <vector>

#include "native/ops/graph_cache.h"

namespace vmolmo::sam2 {

// Work that every frame repeats and whose results are kept: on a GPU a graph from its third run on,
// elsewhere a plain call. The work reads tensors that stay in place, which its owner has written
// before, and is bound to what GraphCache asks for, except that its results need not stay: they are
// copied for the caller.
class FrameGraph {
 public:
  using Work = std::function<std::vector<Tensor>()>;

  // `work` returns tensors of its own, of the same shapes in every run.
  std::vector<Tensor> run(Context& context, const Work& work);

  const GraphCache::Use& use() const { return graph_.use(); }
  const std::string& failure() const { return graph_.failure(); }

 private:
  std::vector<Tensor> like_results(Context& context) const;

  std::vector<Tensor> results_;  // in place
  bool settled_ = false;         // the pool has what a capture needs
  GraphCache graph_{1};
};

}  // namespace vmolmo::sam2
