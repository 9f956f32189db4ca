#pragma once

#include <cstdint>
#include <optional>
#include <span>

// Visibility classes of positions (ops::AttentionOptions) where a sequence is cut. Negative: none.
namespace vmolmo {

// A class that both parts have positions of.
std::optional<int32_t> shared_class(std::span<const int32_t> a, std::span<const int32_t> b);

// The first place from `end` on where the positions from `begin` on can be cut without parting a
// class.
int64_t whole_classes_end(std::span<const int32_t> classes, int64_t begin, int64_t end);

}  // namespace vmolmo
