#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "native/fusion/bit_mask.h"

namespace vmolmo {

// COCO run lengths of a mask [height, width] of zero and non-zero bytes: down the columns, left to
// right, runs of background and foreground in turn, the first one background (0 where the first
// pixel is set).
std::vector<uint32_t> encode_rle(const uint8_t* mask, int64_t width, int64_t height);

// The same of a mask of bits.
std::vector<uint32_t> encode_rle(const BitMask& mask);

// Run lengths as COCO writes them: counts from the fourth on as differences to the count two
// before, in groups of five bits, the lowest first, each a printable character.
std::string compressed_counts(std::span<const uint32_t> counts);

// The mask, 0/1. Throws INVALID_ARGUMENT unless the runs add up to width * height.
std::vector<uint8_t> decode_rle(std::span<const uint32_t> counts, int64_t width, int64_t height);

}  // namespace vmolmo
