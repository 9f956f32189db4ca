#include "native/kernels/cpu/window.h"

#include <algorithm>

namespace vmolmo::cpu {
namespace {

// Calls copy(row of the windows, row of the map, columns) for each run of tokens that a window row
// and a map row share, both as their first token; columns is 0 for a row that is all padding.
template <typename Copy>
void for_each_run(const Windows& s, int64_t begin, int64_t end, const Copy& copy) {
  const int64_t down = s.down(), across = s.across();
  for (int64_t index = begin; index < end; ++index) {
    const int64_t b = index / (down * across);
    const int64_t top = index / across % down * s.window;
    const int64_t left = index % across * s.window;
    for (int64_t row = 0; row < s.window; ++row) {
      const bool inside = top + row < s.height;
      const int64_t columns = inside ? std::min(s.window, s.width - left) : 0;
      copy((index * s.window + row) * s.window, (b * s.height + top + row) * s.width + left,
           columns);
    }
  }
}

}  // namespace

void window_partition(const float* map, const Windows& s, int64_t begin, int64_t end,
                      float* windows) {
  for_each_run(s, begin, end, [&](int64_t in_window, int64_t in_map, int64_t columns) {
    float* row = windows + in_window * s.channels;
    std::copy_n(map + in_map * s.channels, columns * s.channels, row);
    std::fill(row + columns * s.channels, row + s.window * s.channels, 0.0f);
  });
}

void window_unpartition(const float* windows, const Windows& s, int64_t begin, int64_t end,
                        float* map) {
  for_each_run(s, begin, end, [&](int64_t in_window, int64_t in_map, int64_t columns) {
    std::copy_n(windows + in_window * s.channels, columns * s.channels, map + in_map * s.channels);
  });
}

void cut_windows(const float* patches, int64_t n, int64_t c, int64_t begin, int64_t end,
                 float* out) {
  const int64_t m = (n + 1) / 2;
  for (int64_t w = begin; w < end; ++w) {
    const int64_t frame = w / (m * m), row = w / m % m * 2, column = w % m * 2;
    for (int64_t entry = 0; entry < 4; ++entry) {
      const int64_t y = row + entry / 2, x = column + entry % 2;
      float* target = out + (w * 4 + entry) * c;
      if (y < n && x < n) {
        std::copy_n(patches + ((frame * n + y) * n + x) * c, c, target);
      } else {
        std::fill_n(target, c, 0.0f);
      }
    }
  }
}

}  // namespace vmolmo::cpu
