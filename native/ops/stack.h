#pragma once

#include <span>

#include "native/ops/context.h"

// Many small tensors into one, on a GPU with one launch for dozens of them.
namespace vmolmo::ops {

// parts[i] becomes entry i of target [n, ...]: all contiguous, of one type and size.
void stack_into(Context& context, std::span<const Tensor> parts, const Tensor& target);
// The same as a new tensor, [n, shape of a part].
Tensor stacked(Context& context, std::span<const Tensor> parts);

// Parts behind one another along their first axis; a part alone as it is.
Tensor joined(Context& context, std::span<const Tensor> parts);

// Consecutive tokens of a sequence.
struct TokenBlock {
  Tensor values;     // f32 or bf16, contiguous, a multiple of the sequence's width
  Tensor positions;  // f32, as large as the values or a part of it that is repeated; empty: zeros
  int64_t row = 0;   // the block's first token
};

// Blocks into a sequence [N, width] twice: `values` gets the blocks' values, `placed` their sums
// with the positions. Blocks must not overlap.
void place_tokens(Context& context, std::span<const TokenBlock> blocks, const Tensor& values,
                  const Tensor& placed);

}  // namespace vmolmo::ops
