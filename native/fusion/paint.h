#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "native/fusion/bit_mask.h"

// Masks drawn into pictures, those of one frame in one pass each.
namespace vmolmo {

// Numbers of masks by pixel as the lines of a PNG picture: a 0 (no filter), then a byte for each
// pixel, or two with the higher first. 0 is background; where masks overlap the first of them
// shows. There is a number for each mask.
std::vector<uint8_t> label_lines(std::span<const BitMask> masks, std::span<const uint32_t> numbers,
                                 int64_t width, int64_t height, bool wide);

using Color = std::array<uint8_t, 3>;

// Mixes colours into a picture, RGB [height, width, 3], in place: all of the colour on the rim of
// its mask, 0.45 of it inside. There is a colour for each mask, and the later ones lie on top.
void tint_masks(uint8_t* picture, std::span<const BitMask> masks, std::span<const Color> colors);

}  // namespace vmolmo
