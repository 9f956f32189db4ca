#pragma once

#include "native/ops/context.h"

// The way from token ids to rows, and back from logits to ids.
namespace vmolmo::ops {

// Row i is row ids[i] of `table` [V, C] or, from V on, row ids[i] - V of `extra` [E, C], which may
// be empty; both f32 or bf16, contiguous. ids I32 [n] on the context's device; whoever writes them
// keeps them inside the tables. Returns [n, C] f32.
Tensor embed_tokens(Context& context, const Tensor& table, const Tensor& extra, const Tensor& ids);

// Index of the largest value of each row of x [..., N]; ties: the lowest index. I32 [rows] on the
// context's device; argmax() brings them to the host.
Tensor argmax_ids(Context& context, const Tensor& x);
std::vector<int32_t> argmax(Context& context, const Tensor& x);

}  // namespace vmolmo::ops
