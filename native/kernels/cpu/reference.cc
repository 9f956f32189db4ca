#include "native/kernels/cpu/reference.h"

#include <algorithm>
#include <cmath>

namespace vmolmo::reference {

void linear(const float* x, const float* w, const float* bias, float* y, int64_t m, int64_t n,
            int64_t k) {
  for (int64_t i = 0; i < m; ++i) {
    for (int64_t j = 0; j < n; ++j) {
      double sum = bias ? bias[j] : 0.0;
      for (int64_t p = 0; p < k; ++p) sum += double(x[i * k + p]) * double(w[j * k + p]);
      y[i * n + j] = static_cast<float>(sum);
    }
  }
}

void attention(const float* q, const float* k, const float* v, float* out, int64_t nq, int64_t nk,
               int64_t d, int64_t dv, float scale, bool causal, int64_t offset,
               const AttentionMask& mask) {
  std::vector<double> p(static_cast<size_t>(nk));
  std::vector<double> row(static_cast<size_t>(dv));
  const auto sees = [&](int64_t query, int64_t key) {
    if (!causal || key <= offset + query) return true;
    const int32_t* classes = mask.classes;
    return classes && classes[key] >= 0 && classes[key] == classes[offset + query];
  };
  for (int64_t i = 0; i < nq; ++i) {
    double top = -INFINITY;
    for (int64_t j = 0; j < nk; ++j) {
      p[j] = -INFINITY;
      if (!sees(i, j)) continue;
      double score = 0.0;
      for (int64_t c = 0; c < d; ++c) score += double(q[i * d + c]) * double(k[j * d + c]);
      p[j] = score * scale + (mask.bias ? mask.bias[i * nk + j] : 0.0f);
      top = std::max(top, p[j]);
    }
    double sum = 0.0;
    std::fill(row.begin(), row.end(), 0.0);
    for (int64_t j = 0; j < nk; ++j) {
      if (p[j] == -INFINITY) continue;
      const double weight = std::exp(p[j] - top);
      sum += weight;
      for (int64_t c = 0; c < dv; ++c) row[c] += weight * v[j * dv + c];
    }
    for (int64_t c = 0; c < dv; ++c)
      out[i * dv + c] = sum > 0.0 ? static_cast<float>(row[c] / sum) : 0.0f;
  }
}

void softmax(const float* x, float* y, int64_t rows, int64_t n) {
  for (int64_t r = 0; r < rows; ++r, x += n, y += n) {
    const double top = *std::max_element(x, x + n);
    double sum = 0.0;
    for (int64_t i = 0; i < n; ++i) sum += std::exp(double(x[i]) - top);
    for (int64_t i = 0; i < n; ++i) y[i] = static_cast<float>(std::exp(double(x[i]) - top) / sum);
  }
}

void layer_norm(const float* x, const float* weight, const float* bias, float* y, int64_t rows,
                int64_t n, float eps) {
  for (int64_t r = 0; r < rows; ++r, x += n, y += n) {
    double mean = 0.0;
    double variance = 0.0;
    for (int64_t i = 0; i < n; ++i) mean += x[i];
    mean /= double(n);
    for (int64_t i = 0; i < n; ++i) variance += (x[i] - mean) * (x[i] - mean);
    const double inverse = 1.0 / std::sqrt(variance / double(n) + eps);
    for (int64_t i = 0; i < n; ++i) {
      y[i] = static_cast<float>((x[i] - mean) * inverse * weight[i] + (bias ? bias[i] : 0.0f));
    }
  }
}

void rms_norm(const float* x, const float* weight, float* y, int64_t rows, int64_t n, float eps) {
  for (int64_t r = 0; r < rows; ++r, x += n, y += n) {
    double square = 0.0;
    for (int64_t i = 0; i < n; ++i) square += double(x[i]) * x[i];
    const double inverse = 1.0 / std::sqrt(square / double(n) + eps);
    for (int64_t i = 0; i < n; ++i) y[i] = static_cast<float>(weight[i] * (x[i] * inverse));
  }
}

float activate(float x, Activation activation) {
  const double t = x;
  switch (activation) {
    case Activation::kNone:
      return x;
    case Activation::kRelu:
      return x > 0.0f ? x : 0.0f;
    case Activation::kGelu:
      return static_cast<float>(0.5 * t * std::erfc(-t * 0.7071067811865476));
    case Activation::kQuickGelu:
      return static_cast<float>(t / (1.0 + std::exp(-1.702 * t)));
    case Activation::kSilu:
      return static_cast<float>(t / (1.0 + std::exp(-t)));
    case Activation::kSigmoid:
      return static_cast<float>(1.0 / (1.0 + std::exp(-t)));
  }
  return x;
}

void conv2d(const float* x, const float* weight, const float* bias, float* y, const ConvShape& s) {
  for (int64_t b = 0; b < s.batch; ++b) {
    for (int64_t oy = 0; oy < s.out_height(); ++oy) {
      for (int64_t ox = 0; ox < s.out_width(); ++ox) {
        for (int64_t o = 0; o < s.out; ++o) {
          double sum = bias ? bias[o] : 0.0;
          for (int64_t ky = 0; ky < s.kernel_h; ++ky) {
            const int64_t iy = oy * s.stride + ky - s.padding;
            if (iy < 0 || iy >= s.height) continue;
            for (int64_t kx = 0; kx < s.kernel_w; ++kx) {
              const int64_t ix = ox * s.stride + kx - s.padding;
              if (ix < 0 || ix >= s.width) continue;
              for (int64_t c = 0; c < s.in; ++c) {
                sum += double(x[((b * s.height + iy) * s.width + ix) * s.in + c]) *
                       weight[((o * s.in + c) * s.kernel_h + ky) * s.kernel_w + kx];
              }
            }
          }
          *y++ = static_cast<float>(sum);
        }
      }
    }
  }
}

void conv2d_depthwise(const float* x, const float* weight, const float* bias, float* y,
                      const ConvShape& s) {
  for (int64_t b = 0; b < s.batch; ++b) {
    for (int64_t oy = 0; oy < s.out_height(); ++oy) {
      for (int64_t ox = 0; ox < s.out_width(); ++ox) {
        for (int64_t c = 0; c < s.in; ++c) {
          double sum = bias ? bias[c] : 0.0;
          for (int64_t ky = 0; ky < s.kernel_h; ++ky) {
            const int64_t iy = oy * s.stride + ky - s.padding;
            if (iy < 0 || iy >= s.height) continue;
            for (int64_t kx = 0; kx < s.kernel_w; ++kx) {
              const int64_t ix = ox * s.stride + kx - s.padding;
              if (ix < 0 || ix >= s.width) continue;
              sum += double(x[((b * s.height + iy) * s.width + ix) * s.in + c]) *
                     weight[(c * s.kernel_h + ky) * s.kernel_w + kx];
            }
          }
          *y++ = static_cast<float>(sum);
        }
      }
    }
  }
}

void conv_transpose_2x2(const float* x, const float* weight, const float* bias, float* y,
                        int64_t batch, int64_t h, int64_t w, int64_t in, int64_t out) {
  for (int64_t b = 0; b < batch; ++b) {
    for (int64_t oy = 0; oy < 2 * h; ++oy) {
      for (int64_t ox = 0; ox < 2 * w; ++ox) {
        const float* pixel = x + ((b * h + oy / 2) * w + ox / 2) * in;
        for (int64_t o = 0; o < out; ++o) {
          double sum = bias ? bias[o] : 0.0;
          for (int64_t c = 0; c < in; ++c) {
            sum += double(pixel[c]) * weight[((c * out + o) * 2 + oy % 2) * 2 + ox % 2];
          }
          *y++ = static_cast<float>(sum);
        }
      }
    }
  }
}

std::vector<int64_t> connected_components(const uint8_t* mask, int32_t* labels, int64_t h,
                                          int64_t w, int connectivity) {
  std::fill(labels, labels + h * w, 0);
  std::vector<int64_t> areas;
  std::vector<int64_t> stack;
  for (int64_t start = 0; start < h * w; ++start) {
    if (!mask[start] || labels[start]) continue;
    const auto label = static_cast<int32_t>(areas.size() + 1);
    areas.push_back(0);
    labels[start] = label;
    stack.push_back(start);
    while (!stack.empty()) {
      const int64_t at = stack.back();
      stack.pop_back();
      ++areas.back();
      for (int64_t dy = -1; dy <= 1; ++dy) {
        for (int64_t dx = -1; dx <= 1; ++dx) {
          if (connectivity == 4 && dx != 0 && dy != 0) continue;
          const int64_t ny = at / w + dy;
          const int64_t nx = at % w + dx;
          if (ny < 0 || ny >= h || nx < 0 || nx >= w) continue;
          const int64_t next = ny * w + nx;
          if (!mask[next] || labels[next]) continue;
          labels[next] = label;
          stack.push_back(next);
        }
      }
    }
  }
  return areas;
}

void rim_distances(const uint8_t* mask, int32_t* squared, int64_t h, int64_t w) {
  const auto inside = [&](int64_t x, int64_t y) {
    return x >= 0 && x < w && y >= 0 && y < h && mask[y * w + x] != 0;
  };
  const auto on_rim = [&](int64_t x, int64_t y) {
    return inside(x, y) &&
           !(inside(x - 1, y) && inside(x + 1, y) && inside(x, y - 1) && inside(x, y + 1));
  };
  for (int64_t at = 0; at < h * w; ++at) {
    squared[at] = -1;
    for (int64_t rim = 0; mask[at] != 0 && rim < h * w; ++rim) {
      if (!on_rim(rim % w, rim / w)) continue;
      const int64_t dx = rim % w - at % w, dy = rim / w - at / w;
      const auto distance = static_cast<int32_t>(dx * dx + dy * dy);
      if (squared[at] < 0 || distance < squared[at]) squared[at] = distance;
    }
  }
}

void boundary_map(const uint8_t* mask, const uint8_t* ignored, uint8_t* map, int64_t h, int64_t w) {
  const auto inside = [&](int64_t x, int64_t y) {
    return mask[y * w + x] != 0 && !(ignored && ignored[y * w + x]);
  };
  for (int64_t y = 0; y < h; ++y) {
    for (int64_t x = 0; x < w; ++x) {
      const bool here = inside(x, y), right = x + 1 < w, below = y + 1 < h;
      map[y * w + x] = (right && inside(x + 1, y) != here) || (below && inside(x, y + 1) != here) ||
                       (right && below && inside(x + 1, y + 1) != here);
    }
  }
}

static int64_t count_matches(const std::vector<uint8_t>& line, const std::vector<uint8_t>& other,
                             int64_t h, int64_t w, int64_t radius) {
  const auto near_other = [&](int64_t x, int64_t y) {
    for (int64_t dy = -radius; dy <= radius; ++dy) {
      for (int64_t dx = -radius; dx <= radius; ++dx) {
        if (dx * dx + dy * dy > radius * radius) continue;
        if (x + dx < 0 || x + dx >= w || y + dy < 0 || y + dy >= h) continue;
        if (other[size_t((y + dy) * w + x + dx)]) return true;
      }
    }
    return false;
  };
  int64_t matches = 0;
  for (int64_t at = 0; at < h * w; ++at) matches += line[size_t(at)] && near_other(at % w, at / w);
  return matches;
}

cpu::MaskComparison compare_masks(const uint8_t* truth, const uint8_t* predicted,
                                  const uint8_t* ignored, int64_t h, int64_t w, int64_t radius) {
  cpu::MaskComparison result;
  for (int64_t at = 0; at < h * w; ++at) {
    if (ignored && ignored[at]) continue;
    result.intersection += truth[at] && predicted[at];
    result.union_ += truth[at] || predicted[at];
  }
  std::vector<uint8_t> truth_line(size_t(h * w)), predicted_line(size_t(h * w));
  boundary_map(truth, ignored, truth_line.data(), h, w);
  boundary_map(predicted, ignored, predicted_line.data(), h, w);
  result.truth_boundary = std::count(truth_line.begin(), truth_line.end(), 1);
  result.predicted_boundary = std::count(predicted_line.begin(), predicted_line.end(), 1);
  result.truth_matches = count_matches(truth_line, predicted_line, h, w, radius);
  result.predicted_matches = count_matches(predicted_line, truth_line, h, w, radius);
  return result;
}

}  // namespace vmolmo::reference
