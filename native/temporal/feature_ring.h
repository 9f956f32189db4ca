#pragma once

#include <cstdint>
#include <deque>
#include <mutex>

#include "videomolmo/tensor.h"

namespace vmolmo {

// One encoded frame. Frames of a single tile keep their one distinct crop: U is 1 then, T
// otherwise.
struct EncodedFrame {
  int64_t frame_index = 0;
  Tensor features;  // f32 [U, n * n, C], the encoder's concatenated layers
  Tensor crops;     // what was encoded; kept for recorders only
};

// The features of the last `capacity` frames that came in, each computed once. Constant memory on
// an endless stream: the frame that came in first leaves when the ring is full.
class FeatureRing {
 public:
  explicit FeatureRing(int64_t capacity);

  int64_t capacity() const { return capacity_; }
  // Callable from any thread; everything else belongs to the thread that uses the stream.
  bool has(int64_t frame_index) const;
  // Null when the frame is not held. Valid until the next push().
  const EncodedFrame* find(int64_t frame_index) const;
  void push(EncodedFrame frame);

 private:
  int64_t capacity_;
  mutable std::mutex mutex_;  // guards frames_ against has() from other threads
  std::deque<EncodedFrame> frames_;
};

}  // namespace vmolmo
