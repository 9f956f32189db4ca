#pragma once

#include <optional>

#include "native/ops/context.h"

namespace vmolmo::ops {

// Masks are u8 0/1, [H, W].

// logits > threshold as u8 0/1; any shape.
Tensor threshold(Context& context, const Tensor& logits, float threshold = 0.0f);

struct Components {
  Tensor labels;               // i32 [H, W], 0 = background, 1 .. count
  std::vector<int64_t> areas;  // areas[label - 1], pixels
};

// Connected components of the non-zero pixels, labelled in scan order. connectivity: 4 or 8.
Components connected_components(Context& context, const Tensor& mask, int connectivity = 8);

// Components (8-connected) of logit <= threshold with area <= max_area become `value`.
// logits f32 [H, W], or several [B, H, W]; in place.
void fill_holes_inplace(Context& context, Tensor& logits, int64_t max_area, float threshold,
                        float value);

// The pixels of `target` (f32 [H, W] or [B, H, W]) that belong to components (8-connected) of the
// mask of the same shape with at most max_area pixels become `value`.
void replace_small_inplace(Context& context, Tensor& target, const Tensor& mask, int64_t max_area,
                           float value);

// How many values lie above the threshold. On a GPU the count is waited for.
int64_t count_above(Context& context, const Tensor& x, float threshold);

// 1 where the mask is not zero, else 0, as f32.
Tensor mask_to_f32(Context& context, const Tensor& mask);

// Every pixel keeps its largest logit of all objects (the first of equal ones); the others become
// at most `limit`. logits f32 [objects, ...], in place.
void suppress_overlap_inplace(Context& context, Tensor& logits, float limit);

// Masks [objects, out_h, out_w] of logits [objects, h, w] f32: threshold() of what
// resize_bilinear() makes of them, with overlap_limit after suppress_overlap_inplace(). On a GPU in
// one pass, without logits of the masks' size.
Tensor render_masks(Context& context, const Tensor& logits, int64_t out_h, int64_t out_w,
                    float threshold, std::optional<float> overlap_limit = {});

struct Overlap {
  int64_t intersection = 0;
  int64_t union_ = 0;
  // |A and B| / |A or B| in float64; 0 when both are empty.
  double iou() const { return union_ == 0 ? 0.0 : double(intersection) / double(union_); }
};

// Squared distance, i32 [H, W], from every pixel of the mask to the nearest pixel of its rim
// (exact; 0 on the rim, -1 outside the mask). The rim is the mask's pixels with a side neighbour
// outside it; beyond the frame is outside. Sides of at most 32768.
Tensor rim_distances(Context& context, const Tensor& mask);

Overlap mask_overlap(Context& context, const Tensor& a, const Tensor& b);

}  // namespace vmolmo::ops
