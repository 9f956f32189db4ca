#pragma once

#include <cstdint>
#include <vector>

#include "native/kernels/fusion_rule.h"

namespace vmolmo {

// A mask of `pixels` bytes, zero or not; `data` null means that there is no such estimate.
struct MaskBytes {
  const uint8_t* data = nullptr;
  int64_t pixels = 0;
};

struct FusedMask {
  std::vector<uint8_t> data;  // 0/1
  FusionBranch branch = FusionBranch::kEmpty;
  int64_t intersection = 0;  // pixels set in both
  int64_t union_ = 0;        // pixels set in either
};

// Throws INVALID_ARGUMENT when both are given and differ in size.
FusionCounts count_pixels(MaskBytes forward, MaskBytes backward);

// Fuses the estimate propagated forward from the keyframe before a frame with the one propagated
// backward from the keyframe after it (eqs. 5 and 6). Throws INVALID_ARGUMENT when both are given
// and differ in size, or when tau is not in 0..1.
FusedMask fuse_masks(MaskBytes forward, MaskBytes backward, double tau, FusionStrategy strategy);

}  // namespace vmolmo
