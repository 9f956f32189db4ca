#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <deque>
#include <vector>

namespace vmolmo::cuda {

// Copies between the host's memory and a device through a ring of pinned memory. Copies from and to
// memory that the driver has not pinned make the calling thread wait for the device; from the ring
// they run on the stream while the thread goes on. A part of the ring is used again when its copy
// has run, which an event tells. Where pinned memory is refused, copies are the driver's own. Of
// one thread at a time.
class Staging {
 public:
  // `bytes`: of the ring; a multiple of 4 KiB.
  Staging(cudaStream_t stream, size_t bytes);
  ~Staging();
  Staging(const Staging&) = delete;
  Staging& operator=(const Staging&) = delete;

  // `from` is free when the call returns.
  void upload(std::byte* to, const std::byte* from, size_t bytes);
  // Waits for the copy, and so for the work in front of it on the stream, and for nothing else.
  void download(std::byte* to, const std::byte* from, size_t bytes);

  // Bytes of pinned memory; 0 where it was refused.
  size_t bytes() const { return bytes_; }

 private:
  // A part of the ring that a copy reads or writes until its event.
  struct Flight {
    size_t begin;
    size_t end;
    cudaEvent_t event;
  };
  // A free part; waits for old copies as far as needed.
  size_t place(size_t bytes);
  cudaError_t land(size_t count);
  void record(size_t begin, size_t bytes);

  cudaStream_t stream_;
  std::byte* ring_ = nullptr;
  size_t bytes_ = 0;
  size_t next_ = 0;                  // where the next part may begin
  std::deque<Flight> flights_;       // the oldest first
  size_t landed_ = 0;                // copies that were waited for
  std::vector<cudaEvent_t> events_;  // unused ones
};

}  // namespace vmolmo::cuda
