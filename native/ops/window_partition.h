#pragma once

#include "native/ops/context.h"

namespace vmolmo::ops {

// Cuts x [B, H, W, C] into square windows: [B * ceil(H/w) * ceil(W/w), w, w, C], row by row. What
// lies outside the map on the bottom and right is zero. f32, or on a GPU bf16.
Tensor window_partition(Context& context, const Tensor& x, int64_t window);

// The inverse: windows [B * ceil(H/w) * ceil(W/w), w, w, C] -> [B, H, W, C]; the padding is
// dropped.
Tensor window_unpartition(Context& context, const Tensor& windows, int64_t window, int64_t height,
                          int64_t width);

}  // namespace vmolmo::ops
