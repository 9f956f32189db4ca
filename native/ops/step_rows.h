#pragma once

#include "native/ops/context.h"
#include "native/ops/rope.h"

namespace vmolmo::ops {

// The rows of a decoding step over a KV cache: row i is position positions[i] of the sequence in
// slot slots[i]. The numbers lie on the context's device and are read there, so that on a GPU one
// captured graph serves every step; whoever writes them keeps them inside the cache. Rows of one
// sequence follow each other.
struct StepRows {
  Tensor slots;         // I32 [m]
  Tensor positions;     // I32 [m]
  int64_t longest = 0;  // every position is below it: what a launch is sized for
};

// Turns the rows of q [m, H, D] in place and those of k [m, Hkv, D] by their positions, and writes
// k and v [m, Hkv, D] to their places in keys and values [slots, capacity, Hkv, D], on a GPU f32 or
// bf16. Heads of a row lie side by side; k may be turned in place.
void rope_append(Context& context, Tensor& q, Tensor& k, const Tensor& v, const RopeTable& table,
                 const StepRows& rows, const Tensor& keys, const Tensor& values);

// Attention of q [m, H, D], each row over the positions up to its own of its sequence. Returns [m,
// H
// * D]; the bits are those of attention_varlen() with RowPath::kStream.
Tensor attention(Context& context, const Tensor& q, const Tensor& keys, const Tensor& values,
                 const StepRows& rows);

}  // namespace vmolmo::ops
