#pragma once

#include "native/ops/context.h"
#include "native/ops/feeds.h"
#include "native/ops/rows.h"
#include "native/tensor/activation.h"
#include "native/tensor/weight.h"

namespace vmolmo::ops {

// y = act(x W^T + b). x [..., in] f32 (on a GPU also bf16), weight [out, in] plain or quantised,
// bias [out] f32 or bf16 or empty. Returns [..., out], f32 unless it feeds products. On the CPU
// weights are widened as they are read; products and sums are f32.
Tensor linear(Context& context, const Tensor& x, const Weight& weight, const Tensor& bias = {},
              Activation activation = Activation::kNone, RowPath path = RowPath::kAuto,
              Feeds feeds = Feeds::kSums);

// y = residual + x W^T + b, the shape of residual being that of the result; f32.
Tensor linear_add(Context& context, const Tensor& x, const Weight& weight, const Tensor& bias,
                  const Tensor& residual, RowPath path = RowPath::kAuto);

// up * silu(gate) of the two halves of x W^T: W [2 h, in] has the rows of up, then those of gate. x
// [N, in]. Returns [N, h].
Tensor linear_swiglu(Context& context, const Tensor& x, const Weight& weight,
                     RowPath path = RowPath::kAuto, Feeds feeds = Feeds::kSums);

// C = A B (b [K, N]) or A B^T (transpose_b, b [N, K]); batched over equal leading axes. f32.
Tensor matmul(Context& context, const Tensor& a, const Tensor& b, bool transpose_b = false);

}  // namespace vmolmo::ops
