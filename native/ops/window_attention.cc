#include "native/ops/window_attention.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "native/ops/checks.h"

namespace vmolmo::ops {
namespace {

// One query head against the four keys of its window. Keys and values are `step` floats apart.
void attend_window(const float* q, const float* k, const float* v, float* out, int64_t d,
                   int64_t step, float scale) {
  float score[4] = {};
  for (int j = 0; j < 4; ++j) {
    float sum = 0.0f;
    for (int64_t i = 0; i < d; ++i) sum += q[i] * k[j * step + i];
    score[j] = sum * scale;
  }
  const float top = std::max(std::max(score[0], score[1]), std::max(score[2], score[3]));
  float sum = 0.0f;
  for (float& s : score) sum += s = std::exp(s - top);
  for (float& s : score) s /= sum;
  for (int64_t i = 0; i < d; ++i) {
    out[i] = score[0] * v[i] + score[1] * v[step + i] + score[2] * v[2 * step + i] +
             score[3] * v[3 * step + i];
  }
}

}  // namespace

Tensor window_attention(Context& context, const Tensor& q, const Tensor& k, const Tensor& v,
                        int64_t heads) {
  for (const Tensor* x : {&q, &k, &v}) require_rank(*x, 3, "window_attention");
  const int64_t windows = q.dim(0), queries = q.dim(1), width = q.dim(2);
  require(heads > 0 && width % heads == 0 && k.shape() == Shape({windows, 4, width}) &&
              v.shape() == k.shape(),
          Code::kInternal, "window_attention: q ", q.shape(), ", k ", k.shape(), ", v ", v.shape(),
          " and ", heads, " heads do not match.");
  const Tensor qs = dense_f32(context, q, "window_attention");
  const Tensor ks = dense_f32(context, k, "window_attention");
  const Tensor vs = dense_f32(context, v, "window_attention");
  Tensor out = context.empty(q.shape());
  const int64_t d = width / heads;
  const float scale = 1.0f / std::sqrt(static_cast<float>(d));
  context.threads().parallel_for(windows, 1 + 4096 / width, [&](int64_t begin, int64_t end) {
    for (int64_t w = begin; w < end; ++w) {
      for (int64_t i = 0; i < queries; ++i) {
        for (int64_t h = 0; h < heads; ++h) {
          const int64_t at = (w * queries + i) * width + h * d;
          const int64_t keys = w * 4 * width + h * d;
          attend_window(qs.data<float>() + at, ks.data<float>() + keys, vs.data<float>() + keys,
                        out.data<float>() + at, d, width, scale);
        }
      }
    }
  });
  return out;
}

Tensor cut_windows(Context& context, const Tensor& patches) {
  require_rank(patches, 4, "cut_windows");
  require(patches.dim(1) == patches.dim(2), Code::kInternal,
          "cut_windows: expected [T, n, n, C]; got ", patches.shape(), ".");
  const Tensor input = dense_f32(context, patches, "cut_windows");
  const int64_t frames = patches.dim(0), n = patches.dim(1), c = patches.dim(3), m = (n + 1) / 2;
  Tensor windows = context.empty({frames * m * m, 4, c});
  context.threads().parallel_for(
      frames * m * m, 1 + 8192 / (c + 1), [&](int64_t begin, int64_t end) {
        for (int64_t w = begin; w < end; ++w) {
          const int64_t frame = w / (m * m), row = w / m % m * 2, column = w % m * 2;
          for (int64_t entry = 0; entry < 4; ++entry) {
            const int64_t y = row + entry / 2, x = column + entry % 2;
            float* target = windows.data<float>() + (w * 4 + entry) * c;
            if (y < n && x < n) {
              std::copy_n(input.data<float>() + ((frame * n + y) * n + x) * c, c, target);
            } else {
              std::fill_n(target, c, 0.0f);
            }
          }
        }
      });
  return windows;
}

}  // namespace vmolmo::ops
