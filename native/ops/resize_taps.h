#pragma once

#include <cstdint>
#include <vector>

#include "native/kernels/cpu/loops.h"

namespace vmolmo::ops {

// Output i of an axis is the sum over taps t of weights[offset[i] + t] * input[first[i] + t].
template <typename Value>
struct AxisTaps {
  std::vector<int64_t> first;
  std::vector<int64_t> count;
  std::vector<int64_t> offset;
  std::vector<Value> weights;
};

// Triangle filter, single precision throughout, as torch computes it.
AxisTaps<float> triangle_taps(int64_t in, int64_t out);

// Pillow's bicubic filter with kPillowBits fractional bits.
AxisTaps<int32_t> pillow_taps(int64_t in, int64_t out);
inline constexpr int kPillowBits = 22;

// Between pixel centres, without antialiasing, as torch has it: the two inputs of every output and
// the weight of the second.
struct LinearAxis {
  std::vector<int32_t> low, high;
  std::vector<float> weight;
};
LinearAxis linear_taps(int64_t in, int64_t out);
// The same over four inputs, a = -0.75.
std::vector<cpu::CubicTap> cubic_taps(int64_t in, int64_t out);

}  // namespace vmolmo::ops
