#pragma once

#include "native/ops/context.h"

namespace vmolmo::ops {

// Rows of `table` [V, C] (f32 or bf16) as f32: [ids.size(), C]. Ids outside the table throw
// INVALID_ARGUMENT.
Tensor gather_rows(Context& context, const Tensor& table, std::span<const int32_t> ids);

// x[index[i]] += rows[i] for index[i] >= 0. x [N, C], rows [M, C].
void scatter_add_rows(Context& context, Tensor& x, const Tensor& rows,
                      std::span<const int32_t> index);

Tensor softmax(Context& context, const Tensor& x);  // over the last axis

}  // namespace vmolmo::ops
