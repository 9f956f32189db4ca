#include "native/layers/sine_code.h"

#include <cmath>
#include <numbers>
#include <vector>

namespace vmolmo {
namespace {

// 10000^(2 floor(i / 2) / count) for i = 0 .. count - 1.
std::vector<float> divisors(int64_t count) {
  std::vector<float> out;
  for (int64_t i = 0; i < count; ++i)
    out.push_back(static_cast<float>(
        std::pow(10000.0, 2.0 * static_cast<double>(i / 2) / static_cast<double>(count))));
  return out;
}

}  // namespace

Tensor sine_code(int64_t side, int64_t channels) {
  const int64_t half = channels / 2;
  const std::vector<float> divisor = divisors(half);
  // One axis: [side, half].
  std::vector<float> axis;
  for (int64_t p = 0; p < side; ++p) {
    const float angle = static_cast<float>(p + 1) / (static_cast<float>(side) + 1e-6f) *
                        static_cast<float>(2.0 * std::numbers::pi);
    for (int64_t i = 0; i < half; ++i) {
      const float a = angle / divisor[static_cast<size_t>(i)];
      axis.push_back(i % 2 == 0 ? std::sin(a) : std::cos(a));
    }
  }
  Tensor code = Tensor::empty(cpu_heap(), {side * side, channels});
  float* out = code.data<float>();
  for (int64_t row = 0; row < side; ++row) {
    for (int64_t column = 0; column < side; ++column) {
      for (int64_t i = 0; i < half; ++i) *out++ = axis[static_cast<size_t>(row * half + i)];
      for (int64_t i = 0; i < half; ++i) *out++ = axis[static_cast<size_t>(column * half + i)];
    }
  }
  return code;
}

Tensor sine_code_1d(std::span<const float> positions, int64_t width) {
  const int64_t half = width / 2;
  const std::vector<float> divisor = divisors(half);
  Tensor code = Tensor::empty(cpu_heap(), {static_cast<int64_t>(positions.size()), width});
  float* out = code.data<float>();
  for (const float position : positions) {
    for (const float d : divisor) *out++ = std::sin(position / d);
    for (const float d : divisor) *out++ = std::cos(position / d);
  }
  return code;
}

}  // namespace vmolmo
