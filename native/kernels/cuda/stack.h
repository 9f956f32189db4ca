#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "native/kernels/cuda/stream.h"

// Many tensors in few launches; their addresses travel as kernel arguments.
namespace vmolmo::cuda {

// to [parts, bytes] = the parts one behind another.
void stack(Stream stream, std::span<const void* const> parts, size_t bytes, void* to);

struct PlacedBlock {
  const void* values = nullptr;      // f32, or bf16 when narrow
  const float* positions = nullptr;  // null: zeros
  int64_t offset = 0;                // of the block's first element in the result
  int64_t count = 0;                 // elements
  int64_t period = 1;                // elements of positions
  bool narrow = false;
};
// values[offset + i] = block.values[i]; placed[offset + i] = that + positions[i % period].
void place_blocks(Stream stream, std::span<const PlacedBlock> blocks, float* values, float* placed);

}  // namespace vmolmo::cuda
