// Union-find over horizontal runs of pixels: a mask has far fewer runs than pixels. Every set is
// represented by its earliest run, so numbering the representatives in order is numbering the
// components in scan order.

#include "native/kernels/cpu/components.h"

#include <algorithm>
#include <cstring>

namespace vmolmo::cpu {
namespace {

struct Run {
  int64_t begin, end;  // columns
  int32_t parent;
};

int32_t find_root(std::vector<Run>& runs, int32_t i) {
  while (runs[size_t(i)].parent != i) {
    auto& parent = runs[size_t(i)].parent;
    parent = runs[size_t(parent)].parent;  // halves the path for the next search
    i = parent;
  }
  return i;
}

void unite(std::vector<Run>& runs, int32_t a, int32_t b) {
  a = find_root(runs, a);
  b = find_root(runs, b);
  if (a < b) {
    runs[size_t(b)].parent = a;
  } else {
    runs[size_t(a)].parent = b;
  }
}

uint64_t load_word(const uint8_t* p) {
  uint64_t word;
  std::memcpy(&word, p, 8);
  return word;
}

// Appends the runs of one row.
void find_runs(const uint8_t* row, int64_t w, std::vector<Run>& runs) {
  int64_t x = 0;
  while (x < w) {
    while (x + 8 <= w && load_word(row + x) == 0) x += 8;
    while (x < w && !row[x]) ++x;
    if (x == w) return;
    const int64_t begin = x;
    while (x < w && row[x]) ++x;
    runs.push_back({begin, x, static_cast<int32_t>(runs.size())});
  }
}

// Joins the runs of a row, [middle, end), with those of the row above, [begin, middle). `reach` is
// 1 when diagonal neighbours count.
void join_rows(std::vector<Run>& runs, size_t begin, size_t middle, int64_t reach) {
  size_t above = begin;
  for (size_t i = middle; i < runs.size(); ++i) {
    while (above < middle && runs[above].end + reach <= runs[i].begin) ++above;
    for (size_t j = above; j < middle && runs[j].begin < runs[i].end + reach; ++j) {
      unite(runs, static_cast<int32_t>(j), static_cast<int32_t>(i));
    }
  }
}

// One in every byte that is not zero.
uint64_t nonzero_bytes(uint64_t word) {
  constexpr uint64_t kLow = 0x7f7f7f7f7f7f7f7full;
  return ((((word & kLow) + kLow) | word) >> 7) & 0x0101010101010101ull;
}

int64_t sum_bytes(uint64_t ones) { return int64_t((ones * 0x0101010101010101ull) >> 56); }

}  // namespace

std::vector<int64_t> connected_components(const uint8_t* mask, int32_t* labels, int64_t h,
                                          int64_t w, int connectivity) {
  std::vector<Run> runs;
  std::vector<size_t> row_begin;
  for (int64_t y = 0; y < h; ++y) {
    const size_t middle = runs.size();
    row_begin.push_back(middle);
    find_runs(mask + y * w, w, runs);
    if (y > 0) join_rows(runs, row_begin[size_t(y - 1)], middle, connectivity == 8 ? 1 : 0);
  }
  row_begin.push_back(runs.size());

  std::vector<int64_t> areas;
  std::vector<int32_t> label_of(runs.size());
  std::fill_n(labels, h * w, 0);
  for (int64_t y = 0; y < h; ++y) {
    for (size_t i = row_begin[size_t(y)]; i < row_begin[size_t(y) + 1]; ++i) {
      const int32_t root = find_root(runs, static_cast<int32_t>(i));
      if (root == static_cast<int32_t>(i)) {
        areas.push_back(0);
        label_of[i] = static_cast<int32_t>(areas.size());
      } else {
        label_of[i] = label_of[size_t(root)];
      }
      const int64_t length = runs[i].end - runs[i].begin;
      areas[size_t(label_of[i]) - 1] += length;
      std::fill_n(labels + y * w + runs[i].begin, length, label_of[i]);
    }
  }
  return areas;
}

void count_overlap(const uint8_t* a, const uint8_t* b, int64_t count, int64_t& both,
                   int64_t& either) {
  both = either = 0;
  int64_t i = 0;
  for (; i + 8 <= count; i += 8) {
    const uint64_t x = nonzero_bytes(load_word(a + i)), y = nonzero_bytes(load_word(b + i));
    both += sum_bytes(x & y);
    either += sum_bytes(x | y);
  }
  for (; i < count; ++i) {
    both += a[i] && b[i];
    either += a[i] || b[i];
  }
}

void replace_small(const int32_t* labels, const std::vector<int64_t>& areas, int64_t max_area,
                   float value, float* target, int64_t pixels) {
  for (int64_t i = 0; i < pixels; ++i) {
    if (labels[i] > 0 && areas[static_cast<size_t>(labels[i]) - 1] <= max_area) target[i] = value;
  }
}

}  // namespace vmolmo::cpu
