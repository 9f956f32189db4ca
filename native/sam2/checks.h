#pragma once

#include <string>
#include <utility>

#include "videomolmo/status.h"

namespace vmolmo::sam2 {

// Throws INVALID_ARGUMENT with the parts as its message unless `condition` holds.
template <typename... Parts>
void expect(bool condition, Parts&&... parts) {
  require(condition, Code::kInvalidArgument, std::forward<Parts>(parts)...);
}

// How the recorded tensors of an object on a frame begin.
inline std::string label_of(int64_t frame, int64_t object) {
  return concat("f", frame, ".o", object, ".");
}

}  // namespace vmolmo::sam2
