#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "native/fusion/bit_mask.h"
#include "native/kernels/fusion_rule.h"

namespace vmolmo {

// A mask and what outputs ask of it, each computed once. Not for several threads at a time: a job
// computes what will be asked for, then the JavaScript thread has it.
class MeasuredMask {
 public:
  explicit MeasuredMask(BitMask bits)
      : bits_(std::move(bits)), area_(area_of(bits_)), box_(box_of(bits_)) {}

  const BitMask& bits() const { return bits_; }
  int64_t area() const { return area_; }
  const std::optional<Box>& box() const { return box_; }
  const std::optional<Pixel>& inner();
  // COCO's run lengths as their text (compressed_counts in fusion/rle.h).
  const std::string& counts();

 private:
  BitMask bits_;
  int64_t area_;
  std::optional<Box> box_;
  std::optional<std::optional<Pixel>> inner_;
  std::optional<std::string> counts_;
};

using SharedMask = std::shared_ptr<MeasuredMask>;

// With everything computed.
SharedMask measure_all(BitMask bits);

// fuse_masks() of fusion/fuse.h on bits; null stands for an absent estimate, one of the two is
// there. Throws INVALID_ARGUMENT when both are given and differ in size.
BitMask fuse_masks(const BitMask* forward, const BitMask* backward, double tau,
                   FusionStrategy strategy);

// IoU of two estimates. An absent one counts as an empty mask, and two empty ones agree.
double agreement_of(const BitMask* forward, const BitMask* backward);

// What the two directions say of one frame: estimates of one size, and which of them belong to one
// object (an index into each, -1 where a direction does not know it).
struct FrameEstimates {
  std::vector<BitMask> forward, backward;
  struct Pair {
    int64_t forward = -1, backward = -1;
  };
  std::vector<Pair> pairs;
  int64_t width = 0, height = 0;
  double tau = 0.7;
  FusionStrategy strategy = FusionStrategy::kBidirectional;
};

struct FusedFrame {
  struct Object {
    SharedMask mask;
    double agreement = 1.0;
  };
  std::vector<Object> objects;
  // The union over the objects of each direction, null for one without any, and the two fused.
  SharedMask forward, backward, mask;
  double agreement = 1.0;
};

// Everything that a frame's result says of its masks (section 4.2 of the paper). Throws
// INVALID_ARGUMENT unless tau is in 0..1.
FusedFrame fuse_frame(const FrameEstimates& estimates);

}  // namespace vmolmo
