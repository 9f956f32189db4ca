#include "native/kernels/cuda/graph.h"

#include <utility>

#include "native/kernels/cuda/check.h"

namespace vmolmo::cuda {
namespace {

class CapturedGraph : public Graph {
 public:
  CapturedGraph(cudaGraph_t graph, Stream stream, std::shared_ptr<void> memory)
      : stream_(stream), memory_(std::move(memory)) {
    check(cudaGraphInstantiate(&executable_, graph, 0), "make a captured graph executable");
  }
  // A graph that still runs is freed when it is done; its memory goes to later work of its stream.
  ~CapturedGraph() override { cudaGraphExecDestroy(executable_); }
  CapturedGraph(const CapturedGraph&) = delete;
  CapturedGraph& operator=(const CapturedGraph&) = delete;

  void launch() override { check(cudaGraphLaunch(executable_, stream_), "launch a graph"); }

 private:
  Stream stream_;
  std::shared_ptr<void> memory_;  // and with it the pool and the stream
  cudaGraphExec_t executable_ = nullptr;
};

// A capture in progress; abandoned unless it is finished.
class Capture {
 public:
  explicit Capture(Pool& pool) : pool_(pool) {
    pool.begin_capture();
    // Other threads go on allocating for other models meanwhile.
    const cudaError_t error =
        cudaStreamBeginCapture(pool.stream(), cudaStreamCaptureModeThreadLocal);
    if (error != cudaSuccess) pool.end_capture();
    check(error, "begin to capture a graph");
  }
  ~Capture() {
    if (!finished_) {
      cudaStreamEndCapture(pool_.stream(), &graph_);
      cudaGetLastError();
      pool_.end_capture();
    }
    if (graph_) cudaGraphDestroy(graph_);
  }
  Capture(const Capture&) = delete;
  Capture& operator=(const Capture&) = delete;

  std::unique_ptr<Graph> finish() {
    finished_ = true;
    std::shared_ptr<void> memory = pool_.end_capture();
    check(cudaStreamEndCapture(pool_.stream(), &graph_), "capture a graph");
    require(memory != nullptr, Code::kInternal,
            "A tensor that was made while a graph was captured outlives the work; a replay would "
            "overwrite it.");
    return std::make_unique<CapturedGraph>(graph_, pool_.stream(), std::move(memory));
  }

 private:
  Pool& pool_;
  cudaGraph_t graph_ = nullptr;
  bool finished_ = false;
};

}  // namespace

std::unique_ptr<Graph> capture_graph(Pool& pool, const std::function<void()>& work) {
  Capture capture(pool);
  work();
  return capture.finish();
}

}  // namespace vmolmo::cuda
