#pragma once

#include <cstdint>
#include <vector>

#include "native/kernels/fusion_rule.h"
#include "native/ops/context.h"

// Fusion and run lengths of many masks of one size, u8 [N, H, W], that lie on a GPU.
namespace vmolmo::ops {

struct DeviceFusion {
  Tensor forward, backward;  // one of them may be empty, that is absent
  Tensor masks;              // the result, 0/1
  Tensor branches;           // u8 [N], FusionBranch
  Tensor counts;             // i64 [N, 3], zero: pixels of forward, of backward, of both
  double tau = 0.0;
  FusionStrategy strategy = FusionStrategy::kBidirectional;
};
// Fills the results; nothing is waited for.
void fuse_on_device(Context& context, const DeviceFusion& fusion);

// COCO's run lengths of each mask; the runs alone come to the host.
std::vector<std::vector<uint32_t>> run_lengths_on_device(Context& context, const Tensor& masks);

}  // namespace vmolmo::ops
