#pragma once

#include "native/ops/resize.h"
#include "videomolmo/call.h"

namespace vmolmo::ops {

// A caller's picture as ops take it. Throws INVALID_ARGUMENT for one without pixels and for rows
// that overlap.
ImageView view_of(const RgbImage& image);

}  // namespace vmolmo::ops
