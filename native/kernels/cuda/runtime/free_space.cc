#include "native/kernels/cuda/runtime/free_space.h"

#include <iterator>

namespace vmolmo::cuda {
namespace {

constexpr size_t kSmall = size_t{1} << 20;

}  // namespace

void FreeSpace::put(Range range) {
  by_place_[range.begin] = {range.bytes, range.segment};
  by_size_.emplace(range.bytes, range.begin);
  bytes_ += range.bytes;
}

void FreeSpace::remove(Place place) {
  by_size_.erase({place->second.bytes, place->first});
  bytes_ -= place->second.bytes;
  by_place_.erase(place);
}

void FreeSpace::add(Range range) {
  const auto behind = by_place_.lower_bound(range.begin);
  if (behind != by_place_.begin()) {
    const auto before = std::prev(behind);
    const auto& [begin, rest] = *before;
    if (rest.segment == range.segment && begin + rest.bytes == range.begin) {
      range = {begin, rest.bytes + range.bytes, range.segment};
      remove(before);
    }
  }
  if (behind != by_place_.end() && behind->second.segment == range.segment &&
      range.begin + range.bytes == behind->first) {
    range.bytes += behind->second.bytes;
    remove(behind);
  }
  put(range);
}

std::optional<Range> FreeSpace::take(size_t bytes) {
  const auto found = by_size_.lower_bound({bytes, nullptr});
  if (found == by_size_.end()) return {};
  const auto place = by_place_.find(found->second);
  const auto [begin, rest] = *place;
  remove(place);
  const size_t left = rest.bytes - bytes;
  const bool from_end = bytes < kSmall;
  if (left > 0) put({from_end ? begin : begin + bytes, left, rest.segment});
  return Range{from_end ? begin + left : begin, bytes, rest.segment};
}

std::vector<Range> FreeSpace::take_all() {
  std::vector<Range> ranges;
  for (const auto& [begin, rest] : by_place_) ranges.push_back({begin, rest.bytes, rest.segment});
  *this = {};
  return ranges;
}

bool FreeSpace::take_segment(std::byte* segment, size_t bytes) {
  const auto found = by_place_.find(segment);
  if (found == by_place_.end() || found->second.bytes != bytes) return false;
  remove(found);
  return true;
}

}  // namespace vmolmo::cuda
