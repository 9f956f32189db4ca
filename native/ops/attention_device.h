#pragma once

#include "native/ops/attention.h"

namespace vmolmo::ops {

// attention() and attention_varlen() on a GPU, into results of the right shapes, by the kernel that
// choose_attention() names. The operands are checked.
void attention_on_device(Context& context, const Tensor& q, const Tensor& k, const Tensor& v,
                         const AttentionOptions& options, const Tensor& out);
void attention_varlen_on_device(Context& context, std::span<const Tensor> q,
                                std::span<const Tensor> k, std::span<const Tensor> v,
                                std::span<const AttentionOptions> options,
                                std::span<const Tensor> results);

}  // namespace vmolmo::ops
