#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace vmolmo {

struct Box {
  int64_t x = 0, y = 0, width = 0, height = 0;
  bool operator==(const Box&) const = default;
};

struct Pixel {
  int64_t x = 0, y = 0;
  bool operator==(const Pixel&) const = default;
};

// A mask of one bit a pixel: an eighth of its bytes, and 64 pixels at a time for everything that is
// done with masks. Pixel (x, y) is bit x % 64 of words()[y * stride() + x / 64]; bits beyond the
// width are 0.
class BitMask {
 public:
  static constexpr int64_t kBits = 64;

  BitMask() = default;
  // Without any pixel.
  BitMask(int64_t width, int64_t height)
      : width_(width),
        height_(height),
        stride_((width + kBits - 1) / kBits),
        words_(static_cast<size_t>(stride_ * height), 0) {}
  // From bytes [height, width], zero or not.
  static BitMask pack(const uint8_t* mask, int64_t width, int64_t height);

  // Bytes 0 and 1, [height, width].
  std::vector<uint8_t> unpack() const;

  int64_t width() const { return width_; }
  int64_t height() const { return height_; }
  int64_t stride() const { return stride_; }
  std::span<const uint64_t> words() const { return words_; }
  std::span<uint64_t> words() { return words_; }
  const uint64_t* row(int64_t y) const { return words_.data() + y * stride_; }
  bool holds(int64_t x, int64_t y) const { return row(y)[x / kBits] >> (x % kBits) & 1; }

  bool operator==(const BitMask&) const = default;

 private:
  int64_t width_ = 0, height_ = 0, stride_ = 0;
  std::vector<uint64_t> words_;
};

int64_t area_of(const BitMask& mask);
// The smallest box that holds every pixel; none for an empty mask.
std::optional<Box> box_of(const BitMask& mask);
// The pixel farthest from the mask's rim in city-block steps, where all outside the mask and the
// frame is beyond the rim; the first in reading order on a tie, none for an empty mask.
std::optional<Pixel> inner_pixel(const BitMask& mask);
// Adds the pixels of a mask of the same size.
void unite(BitMask& mask, const BitMask& other);
int64_t intersection_of(const BitMask& a, const BitMask& b);

}  // namespace vmolmo
