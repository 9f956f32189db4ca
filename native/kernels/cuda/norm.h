#pragma once

#include <cstdint>

#include "native/kernels/cuda/stream.h"

namespace vmolmo::cuda {

// x, y [rows, n]; weight [n]. y may be x.
void rms_norm(Stream stream, const float* x, const float* weight, float* y, int64_t rows, int64_t n,
              float eps);
// bias [n] or null.
void layer_norm(Stream stream, const float* x, const float* weight, const float* bias, float* y,
                int64_t rows, int64_t n, float eps);

}  // namespace vmolmo::cuda
