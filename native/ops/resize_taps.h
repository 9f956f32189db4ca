#pragma once

#include <cstdint>
#include <vector>

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

}  // namespace vmolmo::ops
