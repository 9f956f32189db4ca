// One bit per pixel, so that neighbours are shifts and 64 pixels are one operation. A disk is laid
// around every boundary pixel of a row at once: the row is widened bit by bit, and at every width
// it is added to the rows above and below that the disk has this wide. The time depends on the size
// of the frame and the radius, hardly on what the masks show.

#include "native/kernels/cpu/boundary.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace vmolmo::cpu {
namespace {

constexpr int64_t kBits = 64;

// Bit x of a row is pixel x; bits beyond the last column are clear unless said otherwise.
struct BitMask {
  BitMask(int64_t h, int64_t w)
      : height(h), width(w), words((w + kBits - 1) / kBits), bits(size_t(height * words)) {}

  uint64_t* row(int64_t y) { return bits.data() + y * words; }
  const uint64_t* row(int64_t y) const { return bits.data() + y * words; }

  int64_t height, width, words;
  std::vector<uint64_t> bits;
};

// The bytes that belong to an object: those that are not 0, or those that are one label.
struct Selection {
  uint64_t pattern = 0;
  bool equal = false;

  static Selection nonzero() { return {}; }
  static Selection label(uint8_t label) { return {label * 0x0101010101010101ull, true}; }
};

// Bit i tells whether byte i of 64 is selected.
uint64_t pack_word(const uint8_t* bytes, Selection selection) {
  constexpr uint64_t kLow = 0x7f7f7f7f7f7f7f7full;
  uint64_t different = 0;
  for (int64_t i = 0; i < 8; ++i) {
    uint64_t eight;
    std::memcpy(&eight, bytes + 8 * i, 8);
    eight ^= selection.pattern;
    const uint64_t ones = ((((eight & kLow) + kLow) | eight) >> 7) & 0x0101010101010101ull;
    // The product gathers the lowest bits of the bytes in its highest byte.
    different |= ((ones * 0x0102040810204080ull) >> 56) << (8 * i);
  }
  return selection.equal ? ~different : different;
}

// A row's last bytes; the missing ones are 0, which no selection takes.
uint64_t pack_part(const uint8_t* bytes, int64_t count, Selection selection) {
  if (count >= kBits) return pack_word(bytes, selection);
  uint8_t padded[kBits] = {};
  std::memcpy(padded, bytes, size_t(count));
  return pack_word(padded, selection);
}

BitMask pack(const uint8_t* bytes, int64_t h, int64_t w, Selection selection) {
  BitMask packed(h, w);
  for (int64_t y = 0; y < h; ++y) {
    for (int64_t i = 0; i < packed.words; ++i) {
      packed.row(y)[i] = pack_part(bytes + y * w + i * kBits, w - i * kBits, selection);
    }
  }
  return packed;
}

void remove(BitMask& mask, const BitMask& ignored) {
  for (size_t i = 0; i < mask.bits.size(); ++i) mask.bits[i] &= ~ignored.bits[i];
}

// Every pixel's right neighbour in its place.
uint64_t right_of(const uint64_t* row, int64_t i, int64_t words) {
  return row[i] >> 1 | (i + 1 < words ? row[i + 1] << (kBits - 1) : 0);
}

BitMask boundary_of(const BitMask& mask) {
  const int64_t words = mask.words;
  BitMask line(mask.height, mask.width);
  // Pixels of the last word that have a right neighbour.
  const int64_t open = mask.width - 1 - (words - 1) * kBits;
  for (int64_t y = 0; y < mask.height; ++y) {
    const uint64_t* row = mask.row(y);
    const uint64_t* below = y + 1 < mask.height ? mask.row(y + 1) : nullptr;
    for (int64_t i = 0; i < words; ++i) {
      const uint64_t inner = i + 1 < words ? ~uint64_t{0} : (uint64_t{1} << open) - 1;
      uint64_t edge = (row[i] ^ right_of(row, i, words)) & inner;
      if (below != nullptr) {
        edge |= (row[i] ^ right_of(below, i, words)) & inner;
        edge |= row[i] ^ below[i];
      }
      line.row(y)[i] = edge;
    }
  }
  return line;
}

// A row of bits that grows by one pixel on either side at a time.
class WideningRow {
 public:
  explicit WideningRow(int64_t words) : words_(words), now_(words + 2), next_(words + 2) {}

  // False when the row is empty.
  bool load(const uint64_t* row) {
    begin_ = 0;
    end_ = words_;
    while (begin_ < end_ && row[begin_] == 0) ++begin_;
    while (begin_ < end_ && row[end_ - 1] == 0) --end_;
    if (begin_ == end_) return false;
    std::fill(now_.begin(), now_.end(), 0);
    std::fill(next_.begin(), next_.end(), 0);
    std::copy(row + begin_, row + end_, now_.begin() + 1 + begin_);
    half_ = 0;
    return true;
  }

  void widen_to(int64_t half) {
    for (; half_ < half; ++half_) {
      // A word more on either side as often as that many pixels have been added.
      if (half_ % kBits == 0) {
        begin_ = std::max<int64_t>(begin_ - 1, 0);
        end_ = std::min(end_ + 1, words_);
      }
      const uint64_t* in = now_.data() + 1;
      uint64_t* out = next_.data() + 1;
      for (int64_t i = begin_; i < end_; ++i) {
        out[i] =
            in[i] | in[i] << 1 | in[i] >> 1 | in[i - 1] >> (kBits - 1) | in[i + 1] << (kBits - 1);
      }
      now_.swap(next_);
    }
  }

  void add_to(uint64_t* row) const {
    for (int64_t i = begin_; i < end_; ++i) row[i] |= now_[size_t(i) + 1];
  }

 private:
  int64_t words_;
  int64_t begin_ = 0, end_ = 0;       // words that may hold something
  int64_t half_ = 0;                  // pixels added so far
  std::vector<uint64_t> now_, next_;  // with a clear word on either side
};

// Pixels within the disk around a set one. Bits beyond the last column may be set.
BitMask dilate(const BitMask& line, int64_t radius) {
  BitMask grown(line.height, line.width);
  const std::vector<int64_t> half_widths = disk_half_widths(radius);
  WideningRow spans(line.words);
  for (int64_t y = 0; y < line.height; ++y) {
    if (!spans.load(line.row(y))) continue;
    for (int64_t dy = std::min(radius, line.height - 1); dy >= 0; --dy) {
      spans.widen_to(std::min(half_widths[size_t(dy)], line.width));
      if (y - dy >= 0) spans.add_to(grown.row(y - dy));
      if (y + dy < line.height) spans.add_to(grown.row(y + dy));
    }
  }
  return grown;
}

int64_t count_bits(uint64_t word) {
  word -= word >> 1 & 0x5555555555555555ull;
  word = (word & 0x3333333333333333ull) + (word >> 2 & 0x3333333333333333ull);
  word = (word + (word >> 4)) & 0x0f0f0f0f0f0f0f0full;
  return int64_t((word * 0x0101010101010101ull) >> 56);
}

int64_t count(const BitMask& mask) {
  int64_t total = 0;
  for (const uint64_t word : mask.bits) total += count_bits(word);
  return total;
}

int64_t count_both(const BitMask& a, const BitMask& b) {
  int64_t total = 0;
  for (size_t i = 0; i < a.bits.size(); ++i) total += count_bits(a.bits[i] & b.bits[i]);
  return total;
}

// A mask with what comparing it needs; `near` is made when it is first asked for.
class Outlined {
 public:
  explicit Outlined(BitMask mask)
      : mask_(std::move(mask)),
        line_(boundary_of(mask_)),
        area_(count(mask_)),
        boundary_(count(line_)) {}

  const BitMask& mask() const { return mask_; }
  const BitMask& line() const { return line_; }
  int64_t area() const { return area_; }
  int64_t boundary() const { return boundary_; }
  const BitMask& near(int64_t radius) {
    if (near_.bits.empty()) near_ = dilate(line_, radius);
    return near_;
  }

 private:
  BitMask mask_, line_, near_{0, 0};
  int64_t area_, boundary_;
};

MaskComparison compare(Outlined& truth, Outlined& predicted, int64_t radius) {
  MaskComparison result;
  result.intersection = count_both(truth.mask(), predicted.mask());
  result.union_ = truth.area() + predicted.area() - result.intersection;
  result.truth_boundary = truth.boundary();
  result.predicted_boundary = predicted.boundary();
  if (result.truth_boundary == 0 || result.predicted_boundary == 0) return result;
  result.truth_matches = count_both(truth.line(), predicted.near(radius));
  result.predicted_matches = count_both(predicted.line(), truth.near(radius));
  return result;
}

BitMask pack_mask(const uint8_t* mask, const uint8_t* ignored, int64_t h, int64_t w) {
  BitMask packed = pack(mask, h, w, Selection::nonzero());
  if (ignored != nullptr) remove(packed, pack(ignored, h, w, Selection::nonzero()));
  return packed;
}

std::vector<Outlined> outline_labels(const uint8_t* map, int64_t labels, const BitMask& ignored,
                                     int64_t h, int64_t w) {
  std::vector<Outlined> outlined;
  for (int64_t label = 1; label <= labels; ++label) {
    BitMask mask = map == nullptr ? BitMask(h, w)
                                  : pack(map, h, w, Selection::label(static_cast<uint8_t>(label)));
    remove(mask, ignored);
    outlined.emplace_back(std::move(mask));
  }
  return outlined;
}

}  // namespace

void boundary_map(const uint8_t* mask, const uint8_t* ignored, uint8_t* map, int64_t h, int64_t w) {
  const BitMask line = boundary_of(pack_mask(mask, ignored, h, w));
  for (int64_t y = 0; y < h; ++y) {
    for (int64_t x = 0; x < w; ++x) map[y * w + x] = line.row(y)[x / kBits] >> (x % kBits) & 1;
  }
}

std::vector<int64_t> disk_half_widths(int64_t radius) {
  std::vector<int64_t> half_widths;
  int64_t half = radius;
  for (int64_t dy = 0; dy <= radius; ++dy) {
    while (half * half + dy * dy > radius * radius) --half;
    half_widths.push_back(half);
  }
  return half_widths;
}

MaskComparison compare_masks(const uint8_t* truth, const uint8_t* predicted, const uint8_t* ignored,
                             int64_t h, int64_t w, int64_t radius) {
  Outlined a(pack_mask(truth, ignored, h, w)), b(pack_mask(predicted, ignored, h, w));
  return compare(a, b, radius);
}

std::vector<MaskComparison> compare_labels(const uint8_t* truth, const uint8_t* predicted,
                                           const LabelPairs& pairs, int64_t h, int64_t w,
                                           int64_t radius) {
  BitMask ignored(h, w);
  if (pairs.ignored_label != 0) ignored = pack(truth, h, w, Selection::label(pairs.ignored_label));
  auto objects = outline_labels(truth, pairs.truth_labels, ignored, h, w);
  auto found = outline_labels(predicted, pairs.predicted_labels, ignored, h, w);
  std::vector<MaskComparison> results;
  if (!pairs.all) {
    for (size_t k = 0; k < objects.size(); ++k) {
      results.push_back(compare(objects[k], found[k], radius));
    }
    return results;
  }
  for (Outlined& label : found) {
    for (Outlined& object : objects) results.push_back(compare(object, label, radius));
  }
  return results;
}

}  // namespace vmolmo::cpu
