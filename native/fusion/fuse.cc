#include "native/fusion/fuse.h"

#include <algorithm>

#include "videomolmo/status.h"

namespace vmolmo {

namespace {

struct Counts {
  int64_t forward = 0;
  int64_t backward = 0;
  int64_t intersection = 0;
  int64_t union_() const { return forward + backward - intersection; }
};

int64_t area_of(MaskBytes mask) {
  if (mask.data == nullptr) return 0;
  return mask.pixels - std::count(mask.data, mask.data + mask.pixels, uint8_t{0});
}

Counts count(MaskBytes forward, MaskBytes backward) {
  Counts counts{area_of(forward), area_of(backward), 0};
  if (forward.data == nullptr || backward.data == nullptr) return counts;
  int64_t both = 0;
  for (int64_t i = 0; i < forward.pixels; ++i) {
    both += static_cast<int64_t>((forward.data[i] != 0) & (backward.data[i] != 0));
  }
  counts.intersection = both;
  return counts;
}

FusionBranch choose(const Counts& counts, double tau, FusionStrategy strategy) {
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

std::vector<uint8_t> compose(MaskBytes forward, MaskBytes backward, FusionBranch branch) {
  std::vector<uint8_t> fused(static_cast<size_t>(std::max(forward.pixels, backward.pixels)), 0);
  for (size_t i = 0; i < fused.size(); ++i) {
    switch (branch) {
      case FusionBranch::kEmpty:
        break;
      case FusionBranch::kForward:
        fused[i] = forward.data[i] != 0;
        break;
      case FusionBranch::kBackward:
        fused[i] = backward.data[i] != 0;
        break;
      case FusionBranch::kIntersection:
        fused[i] = (forward.data[i] != 0) & (backward.data[i] != 0);
        break;
      case FusionBranch::kUnion:
        fused[i] = (forward.data[i] != 0) | (backward.data[i] != 0);
        break;
    }
  }
  return fused;
}

}  // namespace

FusedMask fuse_masks(MaskBytes forward, MaskBytes backward, double tau, FusionStrategy strategy) {
  require(tau >= 0.0 && tau <= 1.0, Code::kInvalidArgument, "tau must be from 0 to 1, but is ", tau,
          ".");
  if (forward.data == nullptr) forward.pixels = 0;
  if (backward.data == nullptr) backward.pixels = 0;
  require(forward.data == nullptr || backward.data == nullptr || forward.pixels == backward.pixels,
          Code::kInvalidArgument, "Two masks must have the same size to be fused, but have ",
          forward.pixels, " and ", backward.pixels, " pixels.");
  const Counts counts = count(forward, backward);
  const FusionBranch branch = choose(counts, tau, strategy);
  return {compose(forward, backward, branch), branch, counts.intersection, counts.union_()};
}

}  // namespace vmolmo
