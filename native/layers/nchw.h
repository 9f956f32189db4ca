#pragma once

#include <string>

#include "native/ops/context.h"

// Maps are NHWC here; golden sets, and what records them, have NCHW.
namespace vmolmo {

// [B, H, W, C] -> [B, C, H, W].
Tensor to_nchw(Context& context, const Tensor& x);
// [B, C, H, W] -> [B, H, W, C].
Tensor to_nhwc(Context& context, const Tensor& x);
// Records an NHWC map as NCHW; does nothing when nobody records.
void tap_nchw(Context& context, const std::string& name, const Tensor& x);
// The same, the entries of the batch one after another.
void tap_entries_nchw(Context& context, const std::string& name, const Tensor& x);

}  // namespace vmolmo
