#include "native/ops/resize_taps.h"

#include <algorithm>
#include <cmath>

namespace vmolmo::ops {
namespace {

double pillow_cubic(double t) {
  constexpr double a = -0.5;
  t = std::abs(t);
  if (t < 1.0) return ((a + 2.0) * t - (a + 3.0)) * t * t + 1.0;
  if (t < 2.0) return (((t - 5.0) * t + 8.0) * t - 4.0) * a;
  return 0.0;
}

}  // namespace

AxisTaps<float> triangle_taps(int64_t in, int64_t out) {
  AxisTaps<float> taps;
  const float scale = static_cast<float>(in) / static_cast<float>(out);
  const float support = std::max(scale, 1.0f);
  const float inverse = scale >= 1.0f ? 1.0f / scale : 1.0f;
  for (int64_t i = 0; i < out; ++i) {
    const float center = scale * (static_cast<float>(i) + 0.5f);
    const int64_t first = std::max<int64_t>(static_cast<int64_t>(center - support + 0.5f), 0);
    const int64_t end = std::min<int64_t>(static_cast<int64_t>(center + support + 0.5f), in);
    taps.first.push_back(first);
    taps.count.push_back(end - first);
    taps.offset.push_back(static_cast<int64_t>(taps.weights.size()));
    float total = 0.0f;
    for (int64_t t = first; t < end; ++t) {
      const float distance = std::abs(
          (static_cast<float>(t - first) + static_cast<float>(first) - center + 0.5f) * inverse);
      const float weight = distance < 1.0f ? 1.0f - distance : 0.0f;
      taps.weights.push_back(weight);
      total += weight;
    }
    for (auto at = static_cast<size_t>(taps.offset.back()); at < taps.weights.size(); ++at) {
      if (total != 0.0f) taps.weights[at] /= total;
    }
  }
  return taps;
}

AxisTaps<int32_t> pillow_taps(int64_t in, int64_t out) {
  AxisTaps<int32_t> taps;
  const double scale = static_cast<double>(in) / static_cast<double>(out);
  const double stretch = std::max(scale, 1.0);
  const double support = 2.0 * stretch;
  std::vector<double> raw;
  for (int64_t i = 0; i < out; ++i) {
    const double center = (static_cast<double>(i) + 0.5) * scale;
    const int64_t first = std::max<int64_t>(static_cast<int64_t>(center - support + 0.5), 0);
    const int64_t end = std::min<int64_t>(static_cast<int64_t>(center + support + 0.5), in);
    raw.clear();
    double total = 0.0;
    for (int64_t t = first; t < end; ++t) {
      raw.push_back(pillow_cubic((static_cast<double>(t) - center + 0.5) * (1.0 / stretch)));
      total += raw.back();
    }
    taps.first.push_back(first);
    taps.count.push_back(end - first);
    taps.offset.push_back(static_cast<int64_t>(taps.weights.size()));
    for (double weight : raw) {
      if (total != 0.0) weight /= total;
      taps.weights.push_back(
          static_cast<int32_t>((weight < 0.0 ? -0.5 : 0.5) + weight * double(1 << kPillowBits)));
    }
  }
  return taps;
}

LinearAxis linear_taps(int64_t in, int64_t out) {
  LinearAxis taps;
  const float scale = static_cast<float>(in) / static_cast<float>(out);
  for (int64_t i = 0; i < out; ++i) {
    const float source = std::max(scale * (static_cast<float>(i) + 0.5f) - 0.5f, 0.0f);
    const int64_t low = std::min<int64_t>(static_cast<int64_t>(source), in - 1);
    taps.low.push_back(static_cast<int32_t>(low));
    taps.high.push_back(static_cast<int32_t>(std::min(low + 1, in - 1)));
    taps.weight.push_back(source - static_cast<float>(low));
  }
  return taps;
}

std::vector<cpu::CubicTap> cubic_taps(int64_t in, int64_t out) {
  constexpr float a = -0.75f;
  const auto near = [](float x) { return ((a + 2.0f) * x - (a + 3.0f)) * x * x + 1.0f; };
  const auto far = [](float x) { return ((a * x - 5.0f * a) * x + 8.0f * a) * x - 4.0f * a; };
  std::vector<cpu::CubicTap> taps(static_cast<size_t>(out));
  const float scale = static_cast<float>(in) / static_cast<float>(out);
  for (int64_t i = 0; i < out; ++i) {
    const float source = scale * (static_cast<float>(i) + 0.5f) - 0.5f;
    const float base = std::floor(source);
    const float t = source - base;
    cpu::CubicTap& tap = taps[size_t(i)];
    for (int64_t j = 0; j < 4; ++j) {
      tap.index[j] = std::clamp<int64_t>(static_cast<int64_t>(base) - 1 + j, 0, in - 1);
    }
    tap.weight[0] = far(t + 1.0f);
    tap.weight[1] = near(t);
    tap.weight[2] = near(1.0f - t);
    tap.weight[3] = far(2.0f - t);
  }
  return taps;
}

}  // namespace vmolmo::ops
