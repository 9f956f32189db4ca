#pragma once

#include <cstdint>

namespace vmolmo::cpu {

// A map [batch, height, width, channels] and its square windows [windows, window, window,
// channels], those at the far edges padded with zeros.
struct Windows {
  int64_t batch, height, width, channels, window;

  int64_t down() const { return (height + window - 1) / window; }
  int64_t across() const { return (width + window - 1) / window; }
  int64_t count() const { return batch * down() * across(); }
};

// The windows [begin, end) of the map, and back.
void window_partition(const float* map, const Windows& shape, int64_t begin, int64_t end,
                      float* windows);
void window_unpartition(const float* windows, const Windows& shape, int64_t begin, int64_t end,
                        float* map);

// The 2x2 windows [begin, end) of patches [frames, n, n, c]: out [windows, 4, c], zero beyond n.
void cut_windows(const float* patches, int64_t n, int64_t c, int64_t begin, int64_t end,
                 float* out);

}  // namespace vmolmo::cpu
