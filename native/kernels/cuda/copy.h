#pragma once

#include <cstddef>
#include <cstdint>

#include "native/kernels/cuda/stream.h"

namespace vmolmo::cuda {

// A block of up to six axes on both sides of a copy; strides in elements. Source strides may be 0.
struct CopyShape {
  static constexpr int kMaxRank = 6;
  int rank = 0;
  int64_t dims[kMaxRank] = {};
  int64_t from[kMaxRank] = {};
  int64_t to[kMaxRank] = {};
};

// Elements of 1, 2, 4 or 8 bytes.
void copy_strided(Stream stream, const void* from, void* to, const CopyShape& shape,
                  size_t element);

}  // namespace vmolmo::cuda
