#pragma once

#include "native/ops/context.h"

namespace vmolmo::ops {

// cos and sin of positions [begin, end) for the rotate-half form: two tables [end - begin, D / 2],
// inv_i = theta^(-2i / D) and angles in f32 as the reference computes them.
struct RopeTable {
  Tensor cos;
  Tensor sin;
};

RopeTable make_rope_table(int64_t begin, int64_t end, int64_t head_dim, double theta);

// In place on x [N, H, D], f32 or on a GPU bf16 (last axis contiguous, other strides free): row n
// uses table row table_offset + n; t * cos + concat(-t[D/2:], t[:D/2]) * sin.
void rope_rotate_half(Context& context, Tensor& x, const RopeTable& table, int64_t table_offset);

// Rows n of k, turned by table row `position` + n, and of v become rows `position` + n of keys and
// values [capacity, H, D], on a GPU f32 or bf16. k, v [N, H, D] with heads side by side; k may be
// turned in place.
void rope_append(Context& context, Tensor& k, const Tensor& v, const RopeTable& table,
                 int64_t position, const Tensor& keys, const Tensor& values);

// 2-D axial tables of SAM 2's memory attention for a grid of `side` x `side`: [side^2, D / 2];
// pairs 0 .. D/4-1 turn by column * theta^(-4j / D), the others by row.
RopeTable make_axial_rope_table(int64_t side, int64_t head_dim, double theta);

// In place on x [N, D] or [B, N, D], f32 or on a GPU bf16: adjacent channels (2i, 2i+1) are
// rotated; row n uses table row n mod rows, so memory frames laid end to end restart their
// positions.
void rope_axial(Context& context, Tensor& x, const RopeTable& table);

}  // namespace vmolmo::ops
