#include "native/kernels/cuda/runtime/staging.h"

#include <algorithm>
#include <cstring>

#include "native/kernels/cuda/check.h"

namespace vmolmo::cuda {
namespace {

// Parts begin at cache lines.
constexpr size_t kUnit = 64;
// Large copies go in parts, so that one part is filled or emptied while another is on its way.
constexpr size_t kParts = 4;
// Copies in flight; an older one has run by then.
constexpr size_t kFlights = 64;

}  // namespace

Staging::Staging(cudaStream_t stream, size_t bytes) : stream_(stream) {
  void* ring = nullptr;
  if (cudaHostAlloc(&ring, bytes, cudaHostAllocDefault) != cudaSuccess) {
    cudaGetLastError();
    return;
  }
  ring_ = static_cast<std::byte*>(ring);
  bytes_ = bytes;
}

Staging::~Staging() {
  land(flights_.size());
  for (const cudaEvent_t event : events_) cudaEventDestroy(event);
  if (ring_) cudaFreeHost(ring_);
}

// Waits for the oldest `count` copies: as they run in turn, for the last of them.
cudaError_t Staging::land(size_t count) {
  if (count == 0) return cudaSuccess;
  const cudaError_t error = cudaEventSynchronize(flights_[count - 1].event);
  for (; count > 0; --count) {
    events_.push_back(flights_.front().event);
    flights_.pop_front();
    ++landed_;
  }
  return error;
}

// What goes wrong on the device shows in the calls that are checked.
size_t Staging::place(size_t bytes) {
  const auto land_while = [&](const auto& in_the_way) {
    land(static_cast<size_t>(std::find_if_not(flights_.begin(), flights_.end(), in_the_way) -
                             flights_.begin()));
  };
  if (next_ + bytes > bytes_) {
    // What is in flight behind here is older than anything in front.
    land_while([&](const Flight& flight) { return flight.begin >= next_; });
    next_ = 0;
  }
  land_while(
      [&](const Flight& flight) { return flight.begin < next_ + bytes && flight.end > next_; });
  const size_t begin = next_;
  next_ += (bytes + kUnit - 1) / kUnit * kUnit;
  return begin;
}

void Staging::record(size_t begin, size_t bytes) {
  if (flights_.size() == kFlights) land(1);
  cudaEvent_t event = nullptr;
  if (events_.empty()) {
    check(cudaEventCreateWithFlags(&event, cudaEventDisableTiming), "make an event");
  } else {
    event = events_.back();
    events_.pop_back();
  }
  flights_.push_back({begin, begin + bytes, event});
  check(cudaEventRecord(event, stream_), "record an event");
}

void Staging::upload(std::byte* to, const std::byte* from, size_t bytes) {
  if (!ring_) {
    // The call returns when the bytes are in the driver's own buffer.
    check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyHostToDevice, stream_), "copy to the device");
    return;
  }
  for (size_t done = 0; done < bytes;) {
    const size_t part = std::min(bytes - done, bytes_ / kParts);
    const size_t begin = place(part);
    std::memcpy(ring_ + begin, from + done, part);
    check(cudaMemcpyAsync(to + done, ring_ + begin, part, cudaMemcpyHostToDevice, stream_),
          "copy to the device");
    record(begin, part);
    done += part;
  }
}

void Staging::download(std::byte* to, const std::byte* from, size_t bytes) {
  if (!ring_) {
    check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, stream_),
          "copy from the device");
    check(cudaStreamSynchronize(stream_), "finish its work");
    return;
  }
  struct Part {
    size_t begin;
    size_t bytes;
    size_t number;  // of its copy
  };
  std::deque<Part> parts;
  size_t asked = 0;
  for (size_t done = 0; done < bytes;) {
    // One is read while another is on its way; more of them could meet in the ring.
    while (asked < bytes && parts.size() < 2) {
      const size_t part = std::min(bytes - asked, bytes_ / kParts);
      const size_t begin = place(part);
      check(cudaMemcpyAsync(ring_ + begin, from + asked, part, cudaMemcpyDeviceToHost, stream_),
            "copy from the device");
      record(begin, part);
      parts.push_back({begin, part, landed_ + flights_.size()});
      asked += part;
    }
    const Part part = parts.front();
    parts.pop_front();
    check(land(part.number - landed_), "finish a copy");
    std::memcpy(to + done, ring_ + part.begin, part.bytes);
    done += part.bytes;
  }
}

}  // namespace vmolmo::cuda
