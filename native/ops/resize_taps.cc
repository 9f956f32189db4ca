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

}  // namespace vmolmo::ops
