#pragma once

#include <vector>

#include "native/sam2/model.h"

namespace vmolmo::sam2 {

// Prompts on one picture to masks at the picture's size. Prompts are independent of each other;
// those with the same number of points run through the decoder as one batch. The object score is
// ignored: masks are never blanked.
std::vector<ImageMasks> segment_image(Context& context, const Model& model,
                                      const ImageFeatures& features,
                                      const std::vector<ImagePrompt>& prompts,
                                      const SegmentOptions& options);

}  // namespace vmolmo::sam2
