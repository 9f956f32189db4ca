#include "native/molmo/image_cache.h"

#include <algorithm>
#include <utility>

namespace vmolmo {
namespace {

bool contains(std::span<const int64_t> frames, int64_t frame_index) {
  return std::find(frames.begin(), frames.end(), frame_index) != frames.end();
}

}  // namespace

ImageCache::ImageCache(int64_t capacity) : capacity_(capacity) {
  require(capacity >= 1, Code::kInvalidArgument, "A stream keeps at least 1 prepared image; got ",
          capacity, ".");
}

const PreparedFrame* ImageCache::find(int64_t frame_index, int64_t context_frames,
                                      std::span<const int64_t> previous) {
  const auto found = std::find_if(frames_.begin(), frames_.end(), [&](const PreparedFrame& frame) {
    return frame.frame_index == frame_index && frame.context_frames == context_frames &&
           std::all_of(previous.begin(), previous.end(),
                       [&](int64_t index) { return contains(frame.previous, index); });
  });
  if (found == frames_.end()) return nullptr;
  frames_.splice(frames_.begin(), frames_, found);
  return &frames_.front();
}

const PreparedFrame& ImageCache::add(PreparedFrame frame) {
  if (static_cast<int64_t>(frames_.size()) == capacity_) frames_.pop_back();
  frames_.push_front(std::move(frame));
  return frames_.front();
}

void ImageCache::forget(int64_t frame_index) {
  frames_.remove_if([&](const PreparedFrame& frame) {
    return frame.frame_index == frame_index || contains(frame.previous, frame_index);
  });
}

}  // namespace vmolmo
