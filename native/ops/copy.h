#pragma once

#include "native/ops/context.h"

namespace vmolmo::ops {

// A contiguous copy of a view, made by all threads.
Tensor dense_copy(Context& context, const Tensor& view);
// Copies `source` into the view `target` of the same shape and type. Axes of the source with
// extent 1 are repeated.
void copy_into(Context& context, const Tensor& source, const Tensor& target);
// An F32 copy of a BF16 or F16 tensor; an F32 one is returned as it is.
Tensor widened(Context& context, const Tensor& x);
// A BF16 copy of an F32 tensor, rounded to nearest even.
Tensor narrowed(Context& context, const Tensor& x);

}  // namespace vmolmo::ops
