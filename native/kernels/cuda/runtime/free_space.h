#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

namespace vmolmo::cuda {

// Bytes inside a segment, the memory that one call to the driver gave.
struct Range {
  std::byte* begin = nullptr;
  size_t bytes = 0;
  std::byte* segment = nullptr;  // where the segment begins
};

// Memory that nobody uses. Neighbours of one segment are joined as soon as they meet, so memory
// that came back entirely is in one piece again, whatever sizes it was cut into. No lock.
class FreeSpace {
 public:
  void add(Range range);
  // `bytes` of the smallest range that has them, the rest stays; nothing when there is none. Small
  // ranges are cut from a range's end, large ones from its beginning: what lives long is mostly
  // small, and in the middle it would be in the way.
  std::optional<Range> take(size_t bytes);
  // All of it.
  std::vector<Range> take_all();
  // The range that is all of a segment of `bytes`, when nobody uses any of the segment.
  bool take_segment(std::byte* segment, size_t bytes);

  size_t bytes() const { return bytes_; }
  size_t largest() const { return by_size_.empty() ? 0 : by_size_.rbegin()->first; }

 private:
  struct Rest {
    size_t bytes;
    std::byte* segment;
  };
  using Place = std::map<std::byte*, Rest>::iterator;
  void put(Range range);
  void remove(Place place);

  std::map<std::byte*, Rest> by_place_;
  std::set<std::pair<size_t, std::byte*>> by_size_;
  size_t bytes_ = 0;
};

}  // namespace vmolmo::cuda
