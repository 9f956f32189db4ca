#pragma once

#include <cstdint>
#include <vector>

namespace vmolmo::cpu {

// Components of the non-zero pixels of a mask [h, w]: labels 1 .. count in scan order, 0 elsewhere;
// the areas by label. connectivity: 4 or 8.
std::vector<int64_t> connected_components(const uint8_t* mask, int32_t* labels, int64_t h,
                                          int64_t w, int connectivity);

// Pixels that are non-zero in both, and in either.
void count_overlap(const uint8_t* a, const uint8_t* b, int64_t count, int64_t& both,
                   int64_t& either);

// `value` where the pixel's component, one of connected_components(), has at most `max_area`
// pixels.
void replace_small(const int32_t* labels, const std::vector<int64_t>& areas, int64_t max_area,
                   float value, float* target, int64_t pixels);

}  // namespace vmolmo::cpu
