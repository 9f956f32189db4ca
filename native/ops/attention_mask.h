#pragma once

#include "native/ops/attention.h"

// What AttentionOptions say of single keys, as kernels read it.
namespace vmolmo::ops {

// Throws INTERNAL where options.visibility or options.bias do not fit q and k, [B, N, H, D] or
// [N, H, D].
void check_mask(const Tensor& q, const Tensor& k, const AttentionOptions& options, const char* op);

// The classes from the first query's key on, I32 [keys - query_offset]; empty where there are none.
Tensor classes_from_query(const AttentionOptions& options, int64_t keys);

// Elements from one entry, head and query of a bias to the next; 0 along what shares it.
struct BiasSteps {
  int64_t batch = 0, head = 0, row = 0;
};
BiasSteps bias_steps(const Tensor& bias);

}  // namespace vmolmo::ops
