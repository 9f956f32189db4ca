#pragma once

#include <cstdint>
#include <vector>

namespace vmolmo::cpu {

// Masks are bytes [h, w], zero or not. `ignored` (may be null) marks pixels that count as outside
// of both masks.

// The line along a mask, 0/1: a pixel differs from its right, lower or lower-right neighbour. Only
// neighbours inside the frame count.
void boundary_map(const uint8_t* mask, const uint8_t* ignored, uint8_t* map, int64_t h, int64_t w);

// The largest dx with dx * dx + dy * dy <= radius * radius, for dy = 0 .. radius.
std::vector<int64_t> disk_half_widths(int64_t radius);

struct MaskComparison {
  int64_t intersection = 0;  // pixels in both masks
  int64_t union_ = 0;        // pixels in either
  int64_t truth_boundary = 0;
  int64_t predicted_boundary = 0;
  // Boundary pixels with one of the other mask within the disk around them.
  int64_t truth_matches = 0;
  int64_t predicted_matches = 0;
};

// The counts behind J and F of two masks; radius >= 1.
MaskComparison compare_masks(const uint8_t* truth, const uint8_t* predicted, const uint8_t* ignored,
                             int64_t h, int64_t w, int64_t radius);

// Which labels of two label maps [h, w] to compare. Labels are from 1; 0 is background.
struct LabelPairs {
  int64_t truth_labels = 0;      // 1 .. truth_labels
  int64_t predicted_labels = 0;  // 1 .. predicted_labels
  // Every predicted label with every truth label, else label k with label k.
  bool all = false;
  // Pixels where the truth has this label are ignored; 0: none are.
  uint8_t ignored_label = 0;
};

// The counts of label pairs: [predicted label][truth label] for all of them, else one per label of
// the truth. `predicted` may be null, a map without any object.
std::vector<MaskComparison> compare_labels(const uint8_t* truth, const uint8_t* predicted,
                                           const LabelPairs& pairs, int64_t h, int64_t w,
                                           int64_t radius);

}  // namespace vmolmo::cpu
