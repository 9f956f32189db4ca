#include "native/llm/draft.h"

#include <algorithm>
#include <cstdlib>

namespace vmolmo {

std::span<const int32_t> Draft::expected(int64_t count) const {
  const auto size = static_cast<int64_t>(ids_.size());
  return std::span(ids_).subspan(static_cast<size_t>(position_),
                                 static_cast<size_t>(std::min(count, size - position_)));
}

void Draft::follow(int32_t id) {
  const auto size = static_cast<int64_t>(ids_.size());
  const bool hit = position_ < size && ids_[static_cast<size_t>(position_)] == id;
  const int64_t found = !hit && surprised_ ? behind_pair(last_, id) : -1;
  position_ = found >= 0 ? found : std::min(position_ + 1, size);
  surprised_ = !hit && found < 0;
  last_ = id;
}

int64_t Draft::behind_pair(int32_t first, int32_t second) const {
  int64_t nearest = -1;
  for (size_t i = 1; i < ids_.size(); ++i) {
    if (ids_[i - 1] != first || ids_[i] != second) continue;
    const auto behind = static_cast<int64_t>(i) + 1;
    if (nearest < 0 || std::abs(behind - position_) < std::abs(nearest - position_))
      nearest = behind;
  }
  return nearest;
}

}  // namespace vmolmo
