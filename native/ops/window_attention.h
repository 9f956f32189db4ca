#pragma once

#include "native/ops/context.h"

namespace vmolmo::ops {

// Attention inside 2x2 patch windows (paper eq. 1): every window has 4 keys and 1 or 4 queries.
//   q [W, Q, H * D] (Q = 4: temporal cross-attention; Q = 1: pooling with the mean query),
//   k, v [W, 4, H * D]; scores scaled by 1 / sqrt(D), softmax over the 4 keys.
// Returns [W, Q, H * D].
Tensor window_attention(Context& context, const Tensor& q, const Tensor& k, const Tensor& v,
                        int64_t heads);

// Cuts [T, n, n, C] into 2x2 windows: [T * m * m, 4, C] with m = ceil(n / 2), entries in the order
// (0,0), (0,1), (1,0), (1,1). Odd n: a row and a column of zeros are appended.
Tensor cut_windows(Context& context, const Tensor& patches);

}  // namespace vmolmo::ops
