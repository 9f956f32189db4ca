#include "native/fusion/rle.h"

#include <algorithm>

#include "videomolmo/status.h"

namespace vmolmo {

namespace {
// Columns turned at a time: one cache line of every row.
constexpr int64_t kBlock = 64;
}  // namespace

std::vector<uint32_t> encode_rle(const uint8_t* mask, int64_t width, int64_t height) {
  std::vector<uint32_t> counts;
  std::vector<uint8_t> columns(static_cast<size_t>(kBlock * height));
  uint8_t value = 0;
  uint32_t run = 0;
  for (int64_t x0 = 0; x0 < width; x0 += kBlock) {
    const int64_t block = std::min(kBlock, width - x0);
    for (int64_t y = 0; y < height; ++y) {
      for (int64_t x = 0; x < block; ++x) columns[x * height + y] = mask[y * width + x0 + x] != 0;
    }
    for (int64_t i = 0; i < block * height; ++i) {
      if (columns[i] != value) {
        counts.push_back(run);
        run = 0;
        value = columns[i];
      }
      ++run;
    }
  }
  counts.push_back(run);
  return counts;
}

std::vector<uint8_t> decode_rle(std::span<const uint32_t> counts, int64_t width, int64_t height) {
  int64_t total = 0;
  for (const uint32_t run : counts) total += run;
  require(total == width * height, Code::kInvalidArgument, "The run lengths must add up to ", width,
          " x ", height, " = ", width * height, " pixels, but add up to ", total, ".");
  std::vector<uint8_t> mask(static_cast<size_t>(total), 0);
  int64_t at = 0;
  for (size_t i = 0; i < counts.size(); ++i) {
    const int64_t end = at + counts[i];
    if (i % 2 == 1) {
      for (int64_t p = at; p < end; ++p) mask[(p % height) * width + p / height] = 1;
    }
    at = end;
  }
  return mask;
}

}  // namespace vmolmo
