#include "native/fusion/fuse_bits.h"

#include "native/fusion/rle.h"
#include "videomolmo/status.h"

namespace vmolmo {
namespace {

FusionCounts count_pixels(const BitMask* forward, const BitMask* backward) {
  FusionCounts counts;
  if (forward != nullptr) counts.forward = area_of(*forward);
  if (backward != nullptr) counts.backward = area_of(*backward);
  if (forward != nullptr && backward != nullptr) {
    counts.intersection = intersection_of(*forward, *backward);
  }
  return counts;
}

std::optional<BitMask> union_of(std::span<const BitMask> masks) {
  if (masks.empty()) return std::nullopt;
  BitMask all = masks.front();
  for (const BitMask& mask : masks.subspan(1)) unite(all, mask);
  return all;
}

const BitMask* pointer_to(const std::optional<BitMask>& mask) { return mask ? &*mask : nullptr; }

const BitMask* at(const std::vector<BitMask>& masks, int64_t index) {
  return index < 0 ? nullptr : &masks.at(static_cast<size_t>(index));
}

}  // namespace

const std::optional<Pixel>& MeasuredMask::inner() {
  if (!inner_) inner_ = inner_pixel(bits_);
  return *inner_;
}

const std::string& MeasuredMask::counts() {
  if (!counts_) counts_ = compressed_counts(encode_rle(bits_));
  return *counts_;
}

SharedMask measure_all(BitMask bits) {
  auto mask = std::make_shared<MeasuredMask>(std::move(bits));
  mask->inner();
  mask->counts();
  return mask;
}

BitMask fuse_masks(const BitMask* forward, const BitMask* backward, double tau,
                   FusionStrategy strategy) {
  require(tau >= 0.0 && tau <= 1.0, Code::kInvalidArgument, "tau must be from 0 to 1, but is ", tau,
          ".");
  const FusionCounts counts = count_pixels(forward, backward);
  const BitMask& any = forward != nullptr ? *forward : *backward;
  switch (choose_branch(counts, tau, strategy)) {
    case FusionBranch::kEmpty:
      break;
    case FusionBranch::kForward:
      return *forward;
    case FusionBranch::kBackward:
      return *backward;
    case FusionBranch::kIntersection: {
      BitMask fused = *forward;
      for (size_t i = 0; i < fused.words().size(); ++i) fused.words()[i] &= backward->words()[i];
      return fused;
    }
    case FusionBranch::kUnion: {
      BitMask fused = *forward;
      unite(fused, *backward);
      return fused;
    }
  }
  return {any.width(), any.height()};
}

double agreement_of(const BitMask* forward, const BitMask* backward) {
  const FusionCounts counts = count_pixels(forward, backward);
  if (counts.union_() == 0) return 1.0;
  return static_cast<double>(counts.intersection) / static_cast<double>(counts.union_());
}

FusedFrame fuse_frame(const FrameEstimates& estimates) {
  const auto& [forward, backward, pairs, width, height, tau, strategy] = estimates;
  FusedFrame frame;
  for (const auto& pair : pairs) {
    const BitMask *ahead = at(forward, pair.forward), *back = at(backward, pair.backward);
    frame.objects.push_back(
        {measure_all(fuse_masks(ahead, back, tau, strategy)), agreement_of(ahead, back)});
  }
  const std::optional<BitMask> ahead = union_of(forward), back = union_of(backward);
  const bool known = ahead || back;
  frame.mask = std::make_shared<MeasuredMask>(
      known ? fuse_masks(pointer_to(ahead), pointer_to(back), tau, strategy)
            : BitMask(width, height));
  frame.mask->counts();
  frame.agreement = agreement_of(pointer_to(ahead), pointer_to(back));
  if (ahead) frame.forward = std::make_shared<MeasuredMask>(*ahead);
  if (back) frame.backward = std::make_shared<MeasuredMask>(*back);
  return frame;
}

}  // namespace vmolmo
