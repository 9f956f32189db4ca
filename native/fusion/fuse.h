#pragma once

#include <cstdint>
#include <vector>

namespace vmolmo {

// A mask of `pixels` bytes, zero or not; `data` null means that there is no such estimate.
struct MaskBytes {
  const uint8_t* data = nullptr;
  int64_t pixels = 0;
};

// How two estimates of one frame become one (paper, table 5). With every strategy an empty or
// absent estimate gives way to the other (eq. 6).
enum class FusionStrategy : uint8_t {
  kBidirectional,  // eq. 5: the intersection where IoU >= tau, else the union
  kPreferForward,
  kPreferBackward,
  kIntersection,
  kLarger,  // by area; the forward estimate on a tie
  kSmaller,
};

enum class FusionBranch : uint8_t { kEmpty, kForward, kBackward, kIntersection, kUnion };

struct FusedMask {
  std::vector<uint8_t> data;  // 0/1
  FusionBranch branch = FusionBranch::kEmpty;
  int64_t intersection = 0;  // pixels set in both
  int64_t union_ = 0;        // pixels set in either
};

// Fuses the estimate propagated forward from the keyframe before a frame with the one propagated
// backward from the keyframe after it (eqs. 5 and 6). IoU is compared in float64, so that exactly
// 7/10 passes tau = 0.7. Throws INVALID_ARGUMENT when both are given and differ in size, or when
// tau is not in 0..1.
FusedMask fuse_masks(MaskBytes forward, MaskBytes backward, double tau, FusionStrategy strategy);

}  // namespace vmolmo
