#include "native/fusion/paint.h"

#include <bit>

namespace vmolmo {
namespace {

template <typename Visit>
void for_pixels(const BitMask& mask, Visit&& visit) {
  for (int64_t y = 0; y < mask.height(); ++y) {
    for (int64_t w = 0; w < mask.stride(); ++w) {
      for (uint64_t bits = mask.row(y)[w]; bits != 0; bits &= bits - 1) {
        visit(w * BitMask::kBits + std::countr_zero(bits), y);
      }
    }
  }
}

constexpr double kShare = 0.45;

// What a colour makes of every value of a channel. Rounded after each step, so that no compiler
// makes one of two.
std::array<uint8_t, 256> mixed_with(uint8_t color) {
  std::array<uint8_t, 256> mixed{};
  const volatile double own = color * kShare;
  for (size_t value = 0; value < mixed.size(); ++value) {
    const volatile double kept = static_cast<double>(value) * (1.0 - kShare);
    mixed[value] = static_cast<uint8_t>(kept + own);
  }
  return mixed;
}

// Whether one of the pixels before and after, in reading order, above and below is missing; what
// lies beyond the frame's top, bottom and left is.
bool on_rim(const BitMask& mask, int64_t x, int64_t y) {
  const int64_t right = mask.width() - 1, bottom = mask.height() - 1;
  if (x == 0 || y == 0 || y == bottom) return true;
  const bool after = x < right ? mask.holds(x + 1, y) : mask.holds(0, y + 1);
  return !mask.holds(x - 1, y) || !after || !mask.holds(x, y - 1) || !mask.holds(x, y + 1);
}

}  // namespace

std::vector<uint8_t> label_lines(std::span<const BitMask> masks, std::span<const uint32_t> numbers,
                                 int64_t width, int64_t height, bool wide) {
  const int64_t bytes = wide ? 2 : 1, line = 1 + bytes * width;
  std::vector<uint8_t> lines(static_cast<size_t>(line * height), 0);
  for (size_t m = masks.size(); m-- > 0;) {
    for_pixels(masks[m], [&, number = numbers[m]](int64_t x, int64_t y) {
      uint8_t* to = lines.data() + y * line + 1 + bytes * x;
      if (wide) *to++ = static_cast<uint8_t>(number >> 8);
      *to = static_cast<uint8_t>(number);
    });
  }
  return lines;
}

void tint_masks(uint8_t* picture, std::span<const BitMask> masks, std::span<const Color> colors) {
  for (size_t m = 0; m < masks.size(); ++m) {
    const BitMask& mask = masks[m];
    const Color& color = colors[m];
    const std::array mixed{mixed_with(color[0]), mixed_with(color[1]), mixed_with(color[2])};
    for_pixels(mask, [&](int64_t x, int64_t y) {
      uint8_t* pixel = picture + 3 * (y * mask.width() + x);
      const bool rim = on_rim(mask, x, y);
      for (size_t c = 0; c < color.size(); ++c) pixel[c] = rim ? color[c] : mixed[c][pixel[c]];
    });
  }
}

}  // namespace vmolmo
