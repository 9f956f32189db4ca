#include "native/ops/window_partition.h"

#include <algorithm>
#include <cstring>

#include "native/kernels/cuda/window.h"
#include "native/ops/checks.h"
#include "native/ops/on_cuda.h"

namespace vmolmo::ops {
namespace {

int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

// Calls copy(window_row_ptr_index, map_row_ptr_index, columns) for each run of tokens that a window
// row and a map row share; columns may be 0 for a row that is all padding.
template <typename Copy>
void for_each_run(Context& context, int64_t batch, int64_t height, int64_t width, int64_t window,
                  const Copy& copy) {
  const int64_t down = ceil_div(height, window);
  const int64_t across = ceil_div(width, window);
  context.threads().parallel_for(batch * down * across, 1, [&](int64_t begin, int64_t end) {
    for (int64_t index = begin; index < end; ++index) {
      const int64_t b = index / (down * across);
      const int64_t top = index / across % down * window;
      const int64_t left = index % across * window;
      for (int64_t row = 0; row < window; ++row) {
        const bool inside = top + row < height;
        const int64_t columns = inside ? std::min(window, width - left) : 0;
        copy((index * window + row) * window, (b * height + top + row) * width + left, columns);
      }
    }
  });
}

}  // namespace

Tensor window_partition(Context& context, const Tensor& x, int64_t window) {
  require(x.rank() == 4 && x.is_contiguous() && window > 0, Code::kInternal,
          "window_partition: expected a contiguous [B, H, W, C], got ", x.shape());
  const int64_t batch = x.dim(0), height = x.dim(1), width = x.dim(2), channels = x.dim(3);
  const int64_t count = batch * ceil_div(height, window) * ceil_div(width, window);
  require_operand(context, x, "window_partition");
  Tensor out = context.empty({count, window, window, channels}, x.dtype());
  ON_CUDA(context) {
    with_elements(x, [&](auto* elements) {
      cuda::window_partition(stream(context), elements, elements_like(elements, out), batch, height,
                             width, channels, window);
    });
    return out;
  }
  const float* from = x.data<float>();
  float* to = out.data<float>();
  for_each_run(context, batch, height, width, window,
               [&](int64_t in_window, int64_t in_map, int64_t columns) {
                 float* row = to + in_window * channels;
                 std::copy_n(from + in_map * channels, columns * channels, row);
                 std::fill(row + columns * channels, row + window * channels, 0.0f);
               });
  return out;
}

Tensor window_unpartition(Context& context, const Tensor& windows, int64_t window, int64_t height,
                          int64_t width) {
  const int64_t per_map = ceil_div(height, window) * ceil_div(width, window);
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
  const float* from = windows.data<float>();
  float* to = out.data<float>();
  for_each_run(context, batch, height, width, window,
               [&](int64_t in_window, int64_t in_map, int64_t columns) {
                 std::copy_n(from + in_window * channels, columns * channels,
                             to + in_map * channels);
               });
  return out;
}

}  // namespace vmolmo::ops
