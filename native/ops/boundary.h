#pragma once

#include "native/kernels/cpu/boundary.h"
#include "native/ops/context.h"

namespace vmolmo::ops {

// Masks are u8 [H, W], zero or not. Pixels that `ignored` marks count as outside of both; an empty
// tensor marks none.

// u8 0/1 [H, W]: pixels that differ from their right, lower or lower-right neighbour, the line that
// the boundary measure of the DAVIS benchmark compares.
Tensor boundary_map(Context& context, const Tensor& mask, const Tensor& ignored = {});

// The counts behind region similarity J and boundary measure F. Boundaries match within a disk of
// `radius` >= 1 pixels, and not one to one.
cpu::MaskComparison compare_masks(Context& context, const Tensor& truth, const Tensor& predicted,
                                  int64_t radius, const Tensor& ignored = {});

// The same counts for the labels of two label maps, u8 [H, W]; an empty `predicted` has no object.
// Without `pairs.all` both must have equally many labels.
std::vector<cpu::MaskComparison> compare_labels(Context& context, const Tensor& truth,
                                                const Tensor& predicted,
                                                const cpu::LabelPairs& pairs, int64_t radius);

}  // namespace vmolmo::ops
