#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>

namespace vmolmo {

// Bytes of an f32 tensor of these extents, for plans of memory.
inline size_t float_bytes(std::initializer_list<int64_t> extents) {
  size_t count = sizeof(float);
  for (const int64_t extent : extents) count *= static_cast<size_t>(extent);
  return count;
}

}  // namespace vmolmo
