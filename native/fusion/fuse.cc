#include "native/fusion/fuse.h"

#include <algorithm>

#include "videomolmo/status.h"

namespace vmolmo {

namespace {

int64_t area_of(MaskBytes mask) {
  if (mask.data == nullptr) return 0;
  return mask.pixels - std::count(mask.data, mask.data + mask.pixels, uint8_t{0});
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

FusionCounts count_pixels(MaskBytes forward, MaskBytes backward) {
  require(forward.data == nullptr || backward.data == nullptr || forward.pixels == backward.pixels,
          Code::kInvalidArgument, "Two masks must have the same size to be fused, but have ",
          forward.pixels, " and ", backward.pixels, " pixels.");
  FusionCounts counts{area_of(forward), area_of(backward), 0};
  if (forward.data == nullptr || backward.data == nullptr) return counts;
  int64_t both = 0;
  for (int64_t i = 0; i < forward.pixels; ++i) {
    both += static_cast<int64_t>((forward.data[i] != 0) & (backward.data[i] != 0));
  }
  counts.intersection = both;
  return counts;
}

FusedMask fuse_masks(MaskBytes forward, MaskBytes backward, double tau, FusionStrategy strategy) {
  require(tau >= 0.0 && tau <= 1.0, Code::kInvalidArgument, "tau must be from 0 to 1, but is ", tau,
          ".");
  if (forward.data == nullptr) forward.pixels = 0;
  if (backward.data == nullptr) backward.pixels = 0;
  const FusionCounts counts = count_pixels(forward, backward);
  const FusionBranch branch = choose_branch(counts, tau, strategy);
  return {compose(forward, backward, branch), branch, counts.intersection, counts.union_()};
}

}  // namespace vmolmo
