#include "native/temporal/feature_ring.h"

#include <algorithm>
#include <utility>

namespace vmolmo {

FeatureRing::FeatureRing(int64_t capacity) : capacity_(capacity) {
  require(capacity >= 1, Code::kInvalidArgument, "A stream keeps at least 1 frame; capacity is ",
          capacity, ".");
}

bool FeatureRing::has(int64_t frame_index) const {
  const std::lock_guard lock(mutex_);
  return find(frame_index) != nullptr;
}

const EncodedFrame* FeatureRing::find(int64_t frame_index) const {
  const auto found = std::find_if(frames_.begin(), frames_.end(), [&](const EncodedFrame& frame) {
    return frame.frame_index == frame_index;
  });
  return found == frames_.end() ? nullptr : &*found;
}

void FeatureRing::push(EncodedFrame frame) {
  EncodedFrame leaving;  // freed outside of the lock
  const std::lock_guard lock(mutex_);
  if (static_cast<int64_t>(frames_.size()) == capacity_) {
    leaving = std::move(frames_.front());
    frames_.pop_front();
  }
  frames_.push_back(std::move(frame));
}

}  // namespace vmolmo
