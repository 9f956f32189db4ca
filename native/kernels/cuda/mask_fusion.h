#pragma once

#include <cstdint>

#include "native/kernels/cuda/stream.h"
#include "native/kernels/fusion_rule.h"

// Masks are bytes, zero or not. counts [objects, 3] in device memory, zero before the call: the
// pixels of the first mask, of the second, and of both.
namespace vmolmo::cuda {

// a or b may be null: no pixel.
void count_overlap(Stream stream, const uint8_t* a, const uint8_t* b, int64_t objects,
                   int64_t pixels, unsigned long long* counts);

struct MaskFusion {
  const uint8_t* forward = nullptr;   // [objects, pixels], null where there is no estimate
  const uint8_t* backward = nullptr;  // the same
  uint8_t* fused = nullptr;           // [objects, pixels], 0 or 1
  uint8_t* branches = nullptr;        // [objects], FusionBranch
  unsigned long long* counts = nullptr;
  int64_t objects = 0, pixels = 0;
  double tau = 0.0;
  FusionStrategy strategy = FusionStrategy::kBidirectional;
};
// Counts, decides and composes; nobody waits for the counts.
void fuse_masks(Stream stream, const MaskFusion& fusion);

}  // namespace vmolmo::cuda
