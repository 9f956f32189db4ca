#pragma once

#include <span>

#include "videomolmo/tensor.h"

namespace vmolmo {

// Sine code of a side x side grid, [side^2, channels]: the first half of the channels encodes the
// row, the second the column, both counted from 1 and scaled to 2 pi; sines on even, cosines on odd
// channels.
Tensor sine_code(int64_t side, int64_t channels);

// One row per position p: [sin(p / d_0) .., cos(p / d_0) ..] with d_i = 10000^(2 floor(i / 2) /
// (width / 2)).
Tensor sine_code_1d(std::span<const float> positions, int64_t width);

}  // namespace vmolmo
