#pragma once

#include "native/ops/context.h"

namespace vmolmo::ops {

// A contiguous copy of a view, made by all threads.
Tensor dense_copy(Context& context, const Tensor& view);

}  // namespace vmolmo::ops
