#pragma once

#include <cstdint>

#ifdef __CUDACC__
#define VMOLMO_HOST_AND_DEVICE __host__ __device__
#else
#define VMOLMO_HOST_AND_DEVICE
#endif

namespace vmolmo {

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

// Pixels of two estimates and of what they share.
struct FusionCounts {
  int64_t forward = 0;
  int64_t backward = 0;
  int64_t intersection = 0;
  VMOLMO_HOST_AND_DEVICE int64_t union_() const { return forward + backward - intersection; }
};

// IoU is compared in float64, so that exactly 7/10 passes tau = 0.7.
VMOLMO_HOST_AND_DEVICE inline FusionBranch choose_branch(const FusionCounts& counts, double tau,
                                                         FusionStrategy strategy) {
  if (counts.forward == 0 && counts.backward == 0) return FusionBranch::kEmpty;
  if (counts.forward == 0) return FusionBranch::kBackward;
  if (counts.backward == 0) return FusionBranch::kForward;
  switch (strategy) {
    case FusionStrategy::kPreferForward:
      return FusionBranch::kForward;
    case FusionStrategy::kPreferBackward:
      return FusionBranch::kBackward;
    case FusionStrategy::kIntersection:
      return FusionBranch::kIntersection;
    case FusionStrategy::kLarger:
      return counts.backward > counts.forward ? FusionBranch::kBackward : FusionBranch::kForward;
    case FusionStrategy::kSmaller:
      return counts.backward < counts.forward ? FusionBranch::kBackward : FusionBranch::kForward;
    case FusionStrategy::kBidirectional:
      break;
  }
  const double iou =
      static_cast<double>(counts.intersection) / static_cast<double>(counts.union_());
  return iou >= tau ? FusionBranch::kIntersection : FusionBranch::kUnion;
}

}  // namespace vmolmo
