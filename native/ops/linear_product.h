#pragma once

#include "native/ops/linear_device.h"

namespace vmolmo::ops {

// A linear layer as a product on tensor cores: f32 rows of x are rounded to bf16, bf16 ones read
// where they lie. `library`: by cuBLASLt where it has an algorithm.
void linear_product(Context& context, const DeviceLinear& layer, bool library, const Tensor& y);

// Where a weight's rows begin on a GPU.
const void* weight_bytes(const Weight& weight);

}  // namespace vmolmo::ops
