#include "native/fusion/rle.h"

#include <algorithm>
#include <array>
#include <bit>

#include "videomolmo/status.h"

namespace vmolmo {

namespace {
// Columns turned at a time: one cache line of every row.
constexpr int64_t kBlock = 64;

// Bit c of word r becomes bit r of word c: halves are exchanged, then their halves, and so on.
void transpose(std::array<uint64_t, 64>& block) {
  uint64_t low = 0x00000000ffffffff;
  for (size_t half = 32; half != 0; half >>= 1, low ^= low << half) {
    for (size_t r = 0; r < 64; r = (r + half + 1) & ~half) {
      const uint64_t changed = (block[r] >> half ^ block[r + half]) & low;
      block[r] ^= changed << half;
      block[r + half] ^= changed;
    }
  }
}

// Collects runs from the pixels of a mask in order, at most 64 at a time.
class Runs {
 public:
  // The lowest bit comes first; those from `count` on are 0.
  void add(uint64_t pixels, int64_t count) {
    const uint64_t valid = count == 64 ? ~uint64_t{0} : (uint64_t{1} << count) - 1;
    uint64_t changes = (pixels ^ (pixels << 1 | last_)) & valid;
    for (; changes != 0; changes &= changes - 1) {
      const int64_t position = end_ + std::countr_zero(changes);
      counts_.push_back(static_cast<uint32_t>(position - start_));
      start_ = position;
    }
    last_ = pixels >> (count - 1) & 1;
    end_ += count;
  }
  std::vector<uint32_t> take() {
    counts_.push_back(static_cast<uint32_t>(end_ - start_));
    return std::move(counts_);
  }

 private:
  std::vector<uint32_t> counts_;
  uint64_t last_ = 0;  // value of the last pixel
  int64_t start_ = 0;  // of the run that is open
  int64_t end_ = 0;    // pixels so far
};
}  // namespace

std::vector<uint32_t> encode_rle(const BitMask& mask) {
  constexpr int64_t kBits = BitMask::kBits;
  const int64_t height = mask.height(), segments = (height + kBits - 1) / kBits;
  // 64 columns at a time, as bits of their own: words[x * segments + s].
  std::vector<uint64_t> columns(static_cast<size_t>(kBits * segments));
  Runs runs;
  for (int64_t w = 0; w < mask.stride(); ++w) {
    for (int64_t s = 0; s < segments; ++s) {
      std::array<uint64_t, kBits> block{};
      const int64_t lines = std::min(kBits, height - s * kBits);
      uint64_t any = 0;
      for (int64_t y = 0; y < lines; ++y) any |= block[y] = mask.row(s * kBits + y)[w];
      if (any != 0) transpose(block);
      for (int64_t x = 0; x < kBits; ++x) columns[x * segments + s] = block[x];
    }
    const int64_t width = std::min(kBits, mask.width() - w * kBits);
    for (int64_t i = 0; i < width * segments; ++i) {
      runs.add(columns[i], std::min(kBits, height - i % segments * kBits));
    }
  }
  return runs.take();
}

std::string compressed_counts(std::span<const uint32_t> counts) {
  constexpr int64_t kGroup = 5, kSign = 16, kMore = 32, kFirst = 48;
  std::string text;
  for (size_t i = 0; i < counts.size(); ++i) {
    int64_t rest = int64_t{counts[i]} - (i > 2 ? int64_t{counts[i - 2]} : 0);
    for (bool more = true; more;) {
      const int64_t group = rest & (kMore - 1);
      rest >>= kGroup;
      more = (group & kSign) != 0 ? rest != -1 : rest != 0;
      text.push_back(static_cast<char>((more ? group | kMore : group) + kFirst));
    }
  }
  return text;
}

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
