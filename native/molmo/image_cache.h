#pragma once

#include <cstdint>
#include <list>
#include <span>
#include <vector>

#include "native/molmo/videomolmo.h"

namespace vmolmo {

// A frame's image, ready for the language model. It outlives the features that it was made of.
struct PreparedFrame {
  uint64_t key = 0;  // of the rows' keys and values in a cache; never used twice
  int64_t frame_index = 0;
  int64_t context_frames = 0;     // previous frames that were asked for
  std::vector<int64_t> previous;  // those of them that were there
  ImageRows image;
};

// The frames prepared last, at most `capacity` of them.
class ImageCache {
 public:
  explicit ImageCache(int64_t capacity);

  // The frame with all of the `previous` frames that are there now; null when there is none. More
  // of them, which have left since, do no harm.
  const PreparedFrame* find(int64_t frame_index, int64_t context_frames,
                            std::span<const int64_t> previous);
  const PreparedFrame& add(PreparedFrame frame);
  // The frame's pixels are new: drops what was made of the old ones.
  void forget(int64_t frame_index);

 private:
  int64_t capacity_;
  std::list<PreparedFrame> frames_;  // the one used last in front
};

}  // namespace vmolmo
