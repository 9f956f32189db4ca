#pragma once

#include "native/kernels/cpu/gemm.h"
#include "native/tensor/weight.h"

namespace vmolmo::ops {

// The weight's part of a matrix product on the CPU: layout, w, ldw or quant, n and k. A plain
// weight has a dense last axis; the weight outlives the call.
void set_weight(const Weight& weight, cpu::Gemm& call);

}  // namespace vmolmo::ops
