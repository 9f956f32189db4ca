#pragma once

#include <cstdint>

#include "native/kernels/cuda/stream.h"

// COCO's run lengths (fusion/rle.h) of several masks of one size.
namespace vmolmo::cuda {

// A mask as the bits of its columns, 32 lines a word: word x * segments + s has the lines from 32 s
// on of column x. All arrays in device memory.
struct ColumnBits {
  int64_t masks = 0, h = 0, w = 0;  // h * w fits into 31 bits
  uint32_t* bits = nullptr;         // [masks, words()], scratch
  int32_t* starts = nullptr;        // the same: changes before the word
  int32_t* changes = nullptr;       // [masks]: changes of each mask; it has one run more

  int64_t segments() const { return (h + 31) / 32; }
  int64_t words() const { return w * segments(); }
};

// Fills the arrays from masks [masks, h, w] of zero and non-zero bytes.
void find_changes(Stream stream, const uint8_t* masks, const ColumnBits& columns);
// The runs of mask m, to runs + offsets[m] + m; `positions` at offsets[m] is scratch. offsets
// [masks] in device memory are the changes of all masks before m.
void write_runs(Stream stream, const ColumnBits& columns, const int64_t* offsets,
                uint32_t* positions, uint32_t* runs);

}  // namespace vmolmo::cuda
