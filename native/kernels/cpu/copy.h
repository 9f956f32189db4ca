#pragma once

#include <cstddef>
#include <cstdint>

namespace vmolmo::cpu {

// `count` elements of `element` bytes, `stride` elements apart, one behind the other.
void copy_row(const std::byte* source, std::byte* target, int64_t count, int64_t stride,
              size_t element);

// A view's elements in order; steps in elements, none (0) along an axis that is repeated.
struct StridedCopy {
  static constexpr int kMaxRank = 6;
  int rank = 0;
  int64_t dims[kMaxRank] = {}, from[kMaxRank] = {}, to[kMaxRank] = {};
};
void copy_strided(const std::byte* from, std::byte* to, const StridedCopy& shape, size_t element);

}  // namespace vmolmo::cpu
