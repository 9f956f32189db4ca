#pragma once

#include "native/fusion/fuse.h"
#include "native/ops/context.h"

// Fusion and run lengths of many masks of one size at once, where they lie: on the context's
// device.
namespace vmolmo {

struct FusedBatch {
  Tensor masks;     // u8 [N, H, W], 0/1
  Tensor branches;  // u8 [N], FusionBranch
  Tensor counts;    // i64 [N, 3]: pixels of forward, of backward, of both
};

// fuse_masks() for each of N pairs: forward and backward are u8 [N, H, W]; one of them may be
// empty, that is absent. On a GPU nothing is waited for. Throws INVALID_ARGUMENT as fuse_masks()
// does.
FusedBatch fuse_batch(Context& context, const Tensor& forward, const Tensor& backward, double tau,
                      FusionStrategy strategy);

// encode_rle() of each of the masks u8 [N, H, W]. From a GPU the runs alone come to the host.
std::vector<std::vector<uint32_t>> encode_rle_batch(Context& context, const Tensor& masks);

}  // namespace vmolmo
