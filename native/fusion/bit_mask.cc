#include "native/fusion/bit_mask.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "videomolmo/status.h"

namespace vmolmo {
namespace {

constexpr int64_t kGroup = 8;  // pixels that are packed at a time

// One bit for each of eight bytes that is not zero, the first byte's lowest.
uint64_t pack_group(uint64_t bytes) {
  constexpr uint64_t kLow = 0x7f7f7f7f7f7f7f7f, kHigh = 0x8080808080808080;
  const uint64_t set = (((bytes & kLow) + kLow) | bytes) & kHigh;
  // Every product of a bit and a power of two lands on its own place of the highest byte.
  return (set >> 7) * 0x0102040810204080 >> 56;
}

uint64_t load_group(const uint8_t* from, int64_t count) {
  std::array<uint8_t, kGroup> bytes{};
  std::copy_n(from, count, bytes.begin());
  uint64_t value = 0;
  for (size_t i = 0; i < bytes.size(); ++i) value |= uint64_t{bytes[i]} << (8 * i);
  return value;
}

uint64_t load_group(const uint8_t* from) {
  if constexpr (std::endian::native != std::endian::little) return load_group(from, kGroup);
  uint64_t value = 0;
  std::memcpy(&value, from, sizeof value);
  return value;
}

void check_same_size(const BitMask& a, const BitMask& b) {
  require(a.width() == b.width() && a.height() == b.height(), Code::kInvalidArgument,
          "Two masks must have the same size, but are ", a.width(), " x ", a.height(), " and ",
          b.width(), " x ", b.height(), ".");
}

}  // namespace

BitMask BitMask::pack(const uint8_t* mask, int64_t width, int64_t height) {
  BitMask packed(width, height);
  const int64_t whole = width / kGroup;
  for (int64_t y = 0; y < height; ++y) {
    const uint8_t* from = mask + y * width;
    uint64_t* to = packed.words_.data() + y * packed.stride_;
    for (int64_t g = 0; g < whole; ++g) {
      const uint64_t bytes = load_group(from + g * kGroup);
      if (bytes != 0) to[g / kGroup] |= pack_group(bytes) << (g % kGroup * kGroup);
    }
    if (const int64_t rest = width % kGroup; rest > 0) {
      const uint64_t bytes = load_group(from + whole * kGroup, rest);
      to[whole / kGroup] |= pack_group(bytes) << (whole % kGroup * kGroup);
    }
  }
  return packed;
}

std::vector<uint8_t> BitMask::unpack() const {
  std::vector<uint8_t> bytes(static_cast<size_t>(width_ * height_), 0);
  for (int64_t y = 0; y < height_; ++y) {
    uint8_t* to = bytes.data() + y * width_;
    for (int64_t w = 0; w < stride_; ++w) {
      for (uint64_t bits = row(y)[w]; bits != 0; bits &= bits - 1) {
        to[w * kBits + std::countr_zero(bits)] = 1;
      }
    }
  }
  return bytes;
}

int64_t area_of(const BitMask& mask) {
  int64_t area = 0;
  for (const uint64_t word : mask.words()) area += std::popcount(word);
  return area;
}

std::optional<Box> box_of(const BitMask& mask) {
  const int64_t stride = mask.stride();
  std::vector<uint64_t> columns(static_cast<size_t>(stride), 0);
  int64_t top = -1, bottom = -1;
  for (int64_t y = 0; y < mask.height(); ++y) {
    uint64_t any = 0;
    for (int64_t w = 0; w < stride; ++w) {
      columns[static_cast<size_t>(w)] |= mask.row(y)[w];
      any |= mask.row(y)[w];
    }
    if (any == 0) continue;
    if (top < 0) top = y;
    bottom = y;
  }
  if (top < 0) return std::nullopt;
  const auto set = [](uint64_t word) { return word != 0; };
  const auto first = std::ranges::find_if(columns, set);
  const auto last = std::find_if(columns.rbegin(), columns.rend(), set);
  const int64_t left = (first - columns.begin()) * BitMask::kBits + std::countr_zero(*first);
  const int64_t right = (columns.rend() - last) * BitMask::kBits - 1 - std::countl_zero(*last);
  return Box{left, top, right - left + 1, bottom - top + 1};
}

std::optional<Pixel> inner_pixel(const BitMask& mask) {
  const std::optional<Box> box = box_of(mask);
  if (!box) return std::nullopt;
  // A rim of zeros around the box stands for everything outside.
  const int64_t stride = box->width + 2;
  std::vector<uint16_t> distance(static_cast<size_t>(stride * (box->height + 2)), 0);
  for (int64_t y = 0; y < box->height; ++y) {
    uint16_t* line = distance.data() + (y + 1) * stride + 1;
    for (int64_t x = 0; x < box->width; ++x) {
      if (!mask.holds(box->x + x, box->y + y)) continue;
      line[x] = static_cast<uint16_t>(1 + std::min(line[x - 1], line[x - stride]));
    }
  }
  uint16_t best = 0;
  int64_t found = 0;
  for (int64_t at = stride * (box->height + 1) - 1; at > stride; --at) {
    uint16_t& here = distance[static_cast<size_t>(at)];
    if (here == 0) continue;
    const uint16_t next = distance[static_cast<size_t>(at + 1)];
    const uint16_t below = distance[static_cast<size_t>(at + stride)];
    here = std::min(here, static_cast<uint16_t>(1 + std::min(next, below)));
    if (here < best) continue;
    best = here;
    found = at;
  }
  return Pixel{box->x + found % stride - 1, box->y + found / stride - 1};
}

void unite(BitMask& mask, const BitMask& other) {
  check_same_size(mask, other);
  const std::span<uint64_t> words = mask.words();
  for (size_t i = 0; i < words.size(); ++i) words[i] |= other.words()[i];
}

int64_t intersection_of(const BitMask& a, const BitMask& b) {
  check_same_size(a, b);
  int64_t both = 0;
  for (size_t i = 0; i < a.words().size(); ++i) both += std::popcount(a.words()[i] & b.words()[i]);
  return both;
}

}  // namespace vmolmo
