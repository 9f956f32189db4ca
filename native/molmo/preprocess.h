#pragma once

#include "native/molmo/image_layout.h"
#include "native/ops/context.h"
#include "native/ops/resize.h"

namespace vmolmo {

// Crops that differ: a single-tile frame's two are the same.
int64_t distinct_crops(const ImageLayout& layout);

// The crops of one frame in patch order (docs/spec/videomolmo.md 3.1, 3.3):
// f32 [T, n * n, 3 * patch^2], normalised, the global crop first. A single-tile frame yields its
// one distinct crop alone ([1, ...]) unless `all_crops` asks for the repeated one too.
Tensor make_crops(Context& context, const MolmoConfig& config, const ImageLayout& layout,
                  const ops::ImageView& image, bool all_crops);

// The one crop that every crop of every black frame equals: [1, n * n, 3 * patch^2].
Tensor make_black_crop(Context& context, const MolmoConfig& config);

}  // namespace vmolmo
