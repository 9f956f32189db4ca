#pragma once

#include "native/ops/context.h"

namespace vmolmo::ops {

// a + scale * b. b has a's shape or is a trailing part of it ([C] or [N, C] against [B, N, C]) and
// is then repeated over the leading axes. f32; b may be bf16.
Tensor add(Context& context, const Tensor& a, const Tensor& b, float scale = 1.0f);
// The same, written into a.
void add_inplace(Context& context, Tensor& a, const Tensor& b, float scale = 1.0f);
// a * b with the same repetition rule.
Tensor multiply(Context& context, const Tensor& a, const Tensor& b);
// Elementwise a * scale + shift.
Tensor affine(Context& context, const Tensor& a, float scale, float shift);
// The tensors joined along `axis`; dtypes and the other extents must agree.
Tensor concat(Context& context, std::span<const Tensor> tensors, int axis);
// A contiguous copy with the axes in the given order.
Tensor permute(Context& context, const Tensor& x, std::initializer_list<int> axes);
// mean over the given axis (removed from the shape).
Tensor mean(Context& context, const Tensor& x, int axis);
// m + (x - m) * weight, written into m: one step of a running mean.
void lerp_inplace(Context& context, Tensor& mean, const Tensor& x, float weight);
// Rounds every f32 to the nearest bfloat16 (even on ties) and back, in place.
void round_to_bf16_inplace(Context& context, Tensor& x);

void fill_inplace(Context& context, Tensor& x, float value);
// Every value moved into low .. high.
Tensor clamp(Context& context, const Tensor& x, float low, float high);
// 1 where x > threshold (or x >= threshold when inclusive), else 0, as f32.
Tensor step(Context& context, const Tensor& x, float threshold, bool inclusive = false);

}  // namespace vmolmo::ops
