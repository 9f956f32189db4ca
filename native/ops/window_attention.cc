#include "native/ops/window_attention.h"

#include <cmath>

#include "native/kernels/cpu/kernels.h"
#include "native/kernels/cpu/window.h"
#include "native/kernels/cuda/window.h"
#include "native/kernels/cuda/window_wide.h"
#include "native/ops/checks.h"
#include "native/ops/on_cuda.h"

namespace vmolmo::ops {

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
  ON_CUDA(context) {
    cuda::WindowAttention call;
    call.q = on_device<float>(qs), call.k = on_device<float>(ks), call.v = on_device<float>(vs);
    call.out = on_device<float>(out);
    call.windows = windows, call.queries = queries, call.heads = heads, call.d = d;
    call.scale = scale;
    if (windows > 0 && cuda::window_wide_supports(call)) {
      cuda::window_attention_wide(stream(context), call);
    } else {
      cuda::window_attention(stream(context), call.q, call.k, call.v, call.out, windows, queries,
                             heads, d, scale);
    }
    return out;
  }
  context.threads().parallel_for(windows, 1 + 4096 / width, [&](int64_t begin, int64_t end) {
    for (int64_t w = begin; w < end; ++w) {
      cpu::kernels().attend_window(
          qs.data<float>() + w * queries * width, ks.data<float>() + w * 4 * width,
          vs.data<float>() + w * 4 * width, out.data<float>() + w * queries * width, queries, heads,
          d, scale);
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
  ON_CUDA(context) {
    cuda::cut_windows(stream(context), on_device<float>(input), on_device<float>(windows), frames,
                      n, c);
    return windows;
  }
  context.threads().parallel_for(
      frames * m * m, 1 + 8192 / (c + 1), [&](int64_t begin, int64_t end) {
        cpu::cut_windows(input.data<float>(), n, c, begin, end, windows.data<float>());
      });
  return windows;
}

}  // namespace vmolmo::ops
