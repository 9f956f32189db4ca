#include "native/ops/norm.h"

#include "native/kernels/cpu/kernels.h"
#include "native/kernels/cuda/norm.h"
#include "native/ops/checks.h"
#include "native/ops/on_cuda.h"

namespace vmolmo::ops {

Tensor layer_norm(Context& context, const Tensor& x, const Tensor& weight, const Tensor& bias,
                  float eps, Feeds feeds) {
  const Tensor input = dense_f32(context, x, "layer_norm");
  const int64_t n = x.dim(-1);
  const Tensor w = vector_f32(context, weight, n, "layer_norm");
  const Tensor b = vector_f32(context, bias, n, "layer_norm");
  Tensor y = context.empty(x.shape(), result_type(context, feeds));
  if (n == 0 || y.numel() == 0) return y;
  ON_CUDA(context) {
    with_elements(y, [&](auto* result) {
      cuda::layer_norm(stream(context), on_device<float>(input), on_device<float>(w),
                       on_device_or_null(b), result, input.numel() / n, n, eps);
    });
    return y;
  }
  context.threads().parallel_for(input.numel() / n, 1 + 16384 / n, [&](int64_t begin, int64_t end) {
    cpu::kernels().layer_norm(input.data<float>() + begin * n, w.data<float>(), data_or_null(b),
                              y.data<float>() + begin * n, end - begin, n, eps);
  });
  return y;
}

Tensor rms_norm(Context& context, const Tensor& x, const Tensor& weight, float eps, Feeds feeds) {
  const Tensor input = dense_f32(context, x, "rms_norm");
  const int64_t n = x.dim(-1);
  const Tensor w = vector_f32(context, weight, n, "rms_norm");
  Tensor y = context.empty(x.shape(), result_type(context, feeds));
  if (n == 0 || y.numel() == 0) return y;
  ON_CUDA(context) {
    with_elements(y, [&](auto* result) {
      cuda::rms_norm(stream(context), on_device<float>(input), on_device<float>(w), result,
                     input.numel() / n, n, eps);
    });
    return y;
  }
  context.threads().parallel_for(input.numel() / n, 1 + 16384 / n, [&](int64_t begin, int64_t end) {
    cpu::kernels().rms_norm(input.data<float>() + begin * n, w.data<float>(),
                            y.data<float>() + begin * n, end - begin, n, eps);
  });
  return y;
}

}  // namespace vmolmo::ops
