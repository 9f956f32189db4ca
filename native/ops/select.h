#pragma once

#include "native/ops/context.h"

// Choices that values in the device's memory make, so that nobody waits to read them.
namespace vmolmo::ops {

// The column of the largest value of each row of x [B, N], among columns `begin` and later, counted
// from column 0; ties: the lowest. i32 [B].
Tensor best_column(Context& context, const Tensor& x, int64_t begin = 0);

// x[b][index[b] + shift] for every b: x [B, N, ...] f32, index i32 [B] -> [B, ...]. Columns that
// are not there are an error of the caller's that a GPU does not notice.
Tensor pick(Context& context, const Tensor& x, const Tensor& index, int64_t shift = 0);

// 0 where the entry of logits [B, ...] is stable, else fallback[b]; i32 [B]. Stable: the area above
// +delta is at least `threshold` of that above -delta, or the latter is empty.
Tensor zero_if_stable(Context& context, const Tensor& logits, float delta, float threshold,
                      const Tensor& fallback);

// A gate [B] leaves the entries of x [B, ...] alone where it is positive. The others become `value`
// everywhere,
void gated_fill_inplace(Context& context, Tensor& x, const Tensor& gate, float value);
// or `row`, which has the shape of an entry or of a trailing part of it and is then repeated,
void gated_replace_inplace(Context& context, Tensor& x, const Tensor& gate, const Tensor& row);
// or get `row` added.
void gated_add_inplace(Context& context, Tensor& x, const Tensor& gate, const Tensor& row);

}  // namespace vmolmo::ops
