// Distances along the columns first, then the lower envelope of one parabola per column along every
// row (Meijster, Roerdink and Hesselink, "A general algorithm for computing distance transforms in
// linear time", 2000): integers throughout, so the result is exact.

#include "native/kernels/cpu/distance.h"

#include <algorithm>
#include <vector>

namespace vmolmo::cpu {
namespace {

// The smallest window that holds the mask: the rim lies in it.
struct Window {
  int64_t x0, y0, x1, y1;
  int64_t width() const { return x1 - x0; }
  int64_t height() const { return y1 - y0; }
};

Window window_of(const uint8_t* mask, int64_t h, int64_t w) {
  Window window{w, h, 0, 0};
  for (int64_t y = 0; y < h; ++y) {
    const uint8_t* row = mask + y * w;
    const uint8_t* first = std::find_if(row, row + w, [](uint8_t v) { return v != 0; });
    if (first == row + w) continue;
    int64_t last = w - 1;
    while (row[last] == 0) --last;
    window.x0 = std::min(window.x0, int64_t(first - row));
    window.x1 = std::max(window.x1, last + 1);
    window.y0 = std::min(window.y0, y);
    window.y1 = y + 1;
  }
  return window;
}

bool on_rim(const uint8_t* mask, int64_t x, int64_t y, int64_t h, int64_t w) {
  const uint8_t* at = mask + y * w + x;
  if (*at == 0) return false;
  return x == 0 || y == 0 || x == w - 1 || y == h - 1 || at[-1] == 0 || at[1] == 0 || at[-w] == 0 ||
         at[w] == 0;
}

// Distance along its column to the nearest rim pixel, [window height, window width]. A column
// without one gets more than any distance inside the window.
std::vector<int32_t> column_distances(const uint8_t* mask, const Window& window, int64_t h,
                                      int64_t w) {
  const int64_t width = window.width(), height = window.height();
  const auto far = static_cast<int32_t>(width + height);
  std::vector<int32_t> distance(size_t(width * height));
  for (int64_t y = 0; y < height; ++y) {
    int32_t* row = distance.data() + y * width;
    for (int64_t x = 0; x < width; ++x) {
      const int32_t above = y == 0 ? far : std::min(far, row[x - width] + 1);
      row[x] = on_rim(mask, window.x0 + x, window.y0 + y, h, w) ? 0 : above;
    }
  }
  for (int64_t y = height - 2; y >= 0; --y) {
    int32_t* row = distance.data() + y * width;
    for (int64_t x = 0; x < width; ++x) row[x] = std::min(row[x], row[x + width] + 1);
  }
  return distance;
}

// The parabolas (x - at)^2 + height^2 that are lowest somewhere, from left to right; each rules
// from `from` on.
class Envelope {
 public:
  explicit Envelope(int64_t width) : arcs_(size_t(width)) {}

  void build(const int32_t* distance, int64_t width) {
    size_ = 0;
    for (int64_t u = 0; u < width; ++u) {
      const int64_t square = int64_t{distance[u]} * distance[u];
      while (size_ > 0 && top().value(top().from) > square + (top().from - u) * (top().from - u)) {
        --size_;
      }
      if (size_ == 0) {
        arcs_[size_++] = {u, square, 0};
        continue;
      }
      // The last arc is not higher at its own start, so the numerator is not negative and the
      // division rounds down.
      const int64_t i = top().at;
      const int64_t meet = (u * u - i * i + square - top().square) / (2 * (u - i));
      if (meet + 1 < width) arcs_[size_++] = {u, square, meet + 1};
    }
  }

  // `put(x, squared distance)` for x from width - 1 down to 0.
  template <typename Put>
  void walk(int64_t width, const Put& put) const {
    size_t arc = size_ - 1;
    for (int64_t x = width - 1; x >= 0; --x) {
      put(x, arcs_[arc].value(x));
      if (x == arcs_[arc].from) --arc;
    }
  }

 private:
  struct Arc {
    int64_t at, square, from;
    int64_t value(int64_t x) const { return (x - at) * (x - at) + square; }
  };

  const Arc& top() const { return arcs_[size_ - 1]; }

  std::vector<Arc> arcs_;
  size_t size_ = 0;
};

}  // namespace

void rim_distances(const uint8_t* mask, int32_t* squared, int64_t h, int64_t w) {
  std::fill_n(squared, h * w, -1);
  const Window window = window_of(mask, h, w);
  if (window.height() <= 0) return;
  const std::vector<int32_t> columns = column_distances(mask, window, h, w);
  const int64_t width = window.width();
  Envelope envelope(width);
  for (int64_t y = 0; y < window.height(); ++y) {
    const int64_t start = (window.y0 + y) * w + window.x0;
    envelope.build(columns.data() + y * width, width);
    envelope.walk(width, [&](int64_t x, int64_t value) {
      if (mask[start + x] != 0) squared[start + x] = static_cast<int32_t>(value);
    });
  }
}

}  // namespace vmolmo::cpu
