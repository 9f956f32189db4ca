#pragma once

#include "test/native/harness.h"

// Masks for tests, u8 [h, w].
namespace vmolmo::test {

// Pixels set independently of each other.
inline Tensor random_mask(Random& random, int64_t h, int64_t w, int percent) {
  Tensor mask = Tensor::empty(cpu_heap(), {h, w}, DType::kU8);
  for (int64_t i = 0; i < h * w; ++i) mask.data<uint8_t>()[i] = random.integer(1, 100) <= percent;
  return mask;
}

// Overlapping rectangles and disks: large insides, holes, several parts, parts cut by the frame.
inline Tensor random_shapes(Random& random, int64_t h, int64_t w) {
  Tensor mask = Tensor::zeros(cpu_heap(), {h, w}, DType::kU8);
  for (int64_t n = random.integer(0, 4); n > 0; --n) {
    const int64_t cx = random.integer(-3, w + 3), cy = random.integer(-3, h + 3);
    const int64_t rx = random.integer(1, w), ry = random.integer(1, h);
    const bool disk = random.integer(0, 1), set = random.integer(0, 3) > 0;
    for (int64_t y = 0; y < h; ++y) {
      for (int64_t x = 0; x < w; ++x) {
        const int64_t dx = (x - cx) * ry, dy = (y - cy) * rx, radius = rx * ry;
        const bool in = disk ? dx * dx + dy * dy <= radius * radius / 4
                             : 2 * std::abs(dx) <= radius && 2 * std::abs(dy) <= radius;
        if (in) mask.data<uint8_t>()[y * w + x] = set ? random.integer(1, 255) : 0;
      }
    }
  }
  return mask;
}

}  // namespace vmolmo::test
