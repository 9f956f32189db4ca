#pragma once

#include <cstdint>
#include <memory>

#include "native/kernels/cuda/stream.h"
#include "videomolmo/tensor.h"

namespace vmolmo::cuda {

// A device's memory for one stream of work. Tensors are cut from few large segments without a call
// to the driver; as one stream uses them all, memory may be handed out again while earlier work
// still reads it. Tensors keep their pool, and so its stream, alive.
//
// Copies from and to the host run on the stream, through a ring of pinned memory: an upload returns
// before it has run, a download waits for itself and what was asked for before it.
//
// VIDEOMOLMO_CUDA_MEMORY=direct takes every tensor from the driver and gives it back at once, so
// that compute-sanitizer (or the tests' emulation) sees the true ends of every tensor. Slow.
class Pool : public Allocator, public DeviceMemory {
 public:
  virtual Stream stream() const = 0;
  // Waits until the device has done everything.
  virtual void synchronize() = 0;
  // Makes the device current for the calling thread.
  virtual void activate() = 0;
  // Bytes that tensors can still take: within the limit, else nine tenths of what the device has
  // free.
  virtual size_t available() const = 0;
  // Takes so many bytes from the driver in one piece, unless there is such a piece already, so that
  // later work finds them. Throws OUT_OF_MEMORY.
  virtual void reserve(size_t bytes) = 0;
  // Of the device; what kernels are cut into blocks for.
  virtual int multiprocessors() const = 0;

  // Whether memory stays where it is, so that a graph may name it: not in direct mode.
  virtual bool serves_graphs() const = 0;
  // For capture_graph() of graph.h. In between, no memory can be taken from the driver and nothing
  // be copied to or from the host, and what is given back becomes the graphs' memory: plain work
  // gets none of it while a graph lives. Graphs share it, as one stream runs them in turn. The
  // returned owner stands for the graph; null, with nothing owned, when a tensor of the graphs'
  // memory is still alive.
  virtual void begin_capture() = 0;
  virtual std::shared_ptr<void> end_capture() = 0;
};

// Throws DEVICE_UNAVAILABLE when there is no driver or device `index`, when the driver is older
// than the CUDA of this build, or when the device is older than the kernels; OUT_OF_MEMORY later,
// from allocate(). `limit`: bytes the pool may take; 0: what the device has.
std::shared_ptr<Pool> make_pool(int index, size_t limit = 0);

}  // namespace vmolmo::cuda
