#pragma once

#include <functional>
#include <memory>

#include "native/kernels/cuda/pool.h"

namespace vmolmo::cuda {

// The launches of a piece of work on a pool's stream, started again with one call.
class Graph {
 public:
  virtual ~Graph() = default;
  // Behind what is in the stream.
  virtual void launch() = 0;
};

// Records what `work` launches, without running it. The graph names the memory that the work used:
// what the work took from the pool is kept for graphs (Pool::begin_capture), the rest must stay
// where it is for as long as the graph is launched.
//
// Throws what the work throws; INTERNAL when the work copies to or from the host, needs memory that
// the pool does not have, or leaves a tensor behind that it made; DEVICE_UNAVAILABLE when CUDA
// refuses. The pool and its stream are usable then as they were before.
std::unique_ptr<Graph> capture_graph(Pool& pool, const std::function<void()>& work);

}  // namespace vmolmo::cuda
