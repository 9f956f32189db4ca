#pragma once

#include <cstdint>

namespace vmolmo::cpu {

// Squared Euclidean distance from every non-zero pixel of a mask [h, w] to the nearest pixel of the
// mask's rim, exact; -1 outside the mask. The rim is the pixels of the mask with at least one of
// the four side neighbours outside it, so its own distance is 0; beyond the frame is outside.
// h and w are at most 32768, so that every value fits.
void rim_distances(const uint8_t* mask, int32_t* squared, int64_t h, int64_t w);

}  // namespace vmolmo::cpu
