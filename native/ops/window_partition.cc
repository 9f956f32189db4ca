#include "native/ops/window_partition.h"

#include "native/kernels/cpu/window.h"
#include "native/kernels/cuda/window.h"
#include "native/ops/checks.h"
#include "native/ops/on_cuda.h"

namespace vmolmo::ops {
Tensor window_partition(Context& context, const Tensor& x, int64_t window) {
  require(x.rank() == 4 && x.is_contiguous() && window > 0, Code::kInternal,
          "window_partition: expected a contiguous [B, H, W, C], got ", x.shape());
  const int64_t batch = x.dim(0), height = x.dim(1), width = x.dim(2), channels = x.dim(3);
  const cpu::Windows shape{batch, height, width, channels, window};
  require_operand(context, x, "window_partition");
  Tensor out = context.empty({shape.count(), window, window, channels}, x.dtype());
  ON_CUDA(context) {
    with_elements(x, [&](auto* elements) {
      cuda::window_partition(stream(context), elements, elements_like(elements, out), batch, height,
                             width, channels, window);
    });
    return out;
  }
  context.threads().parallel_for(shape.count(), 1, [&](int64_t begin, int64_t end) {
    cpu::window_partition(x.data<float>(), shape, begin, end, out.data<float>());
  });
  return out;
}

Tensor window_unpartition(Context& context, const Tensor& windows, int64_t window, int64_t height,
                          int64_t width) {
  const int64_t per_map = cpu::Windows{1, height, width, 0, window}.count();
  require(windows.rank() == 4 && windows.is_contiguous() && windows.dim(1) == window &&
              windows.dim(2) == window && windows.dim(0) % per_map == 0,
          Code::kInternal, "window_unpartition: ", windows.shape(), " are not windows of ", window,
          " over ", height, "x", width);
  const int64_t batch = windows.dim(0) / per_map, channels = windows.dim(3);
  require_operand(context, windows, "window_unpartition");
  Tensor out = context.empty({batch, height, width, channels}, windows.dtype());
  ON_CUDA(context) {
    with_elements(windows, [&](auto* elements) {
      cuda::window_unpartition(stream(context), elements, elements_like(elements, out), batch,
                               height, width, channels, window);
    });
    return out;
  }
  const cpu::Windows shape{batch, height, width, channels, window};
  context.threads().parallel_for(shape.count(), 1, [&](int64_t begin, int64_t end) {
    cpu::window_unpartition(windows.data<float>(), shape, begin, end, out.data<float>());
  });
  return out;
}

}  // namespace vmolmo::ops
