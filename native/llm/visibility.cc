#include "native/llm/visibility.h"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

namespace vmolmo {

std::optional<int32_t> shared_class(std::span<const int32_t> a, std::span<const int32_t> b) {
  if (a.empty() || b.empty()) return {};
  const std::unordered_set<int32_t> known(a.begin(), a.end());
  for (const int32_t own : b)
    if (own >= 0 && known.contains(own)) return own;
  return {};
}

int64_t whole_classes_end(std::span<const int32_t> classes, int64_t begin, int64_t end) {
  std::unordered_map<int32_t, int64_t> ends;
  for (int64_t i = begin; i < std::ssize(classes); ++i) ends[classes[size_t(i)]] = i + 1;
  for (int64_t i = begin; i < std::min(end, std::ssize(classes)); ++i)
    if (classes[size_t(i)] >= 0) end = std::max(end, ends[classes[size_t(i)]]);
  return end;
}

}  // namespace vmolmo
