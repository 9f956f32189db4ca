#pragma once

#include <cstddef>
#include <cstdint>

#include "native/sam2/config.h"
#include "videomolmo/segmenter.h"

namespace vmolmo::sam2 {

// Bytes that SAM 2's work takes beside the weights: bounds that follow from the shapes alone, with
// activations in f32.
struct MemoryNeeds {
  size_t frame = 0;   // the features of a frame
  size_t object = 0;  // an object's past, and its share of a tracked frame's batch
  size_t work = 0;    // activations of encoding a frame

  // For so many objects, and the frames of an interval between keyframes.
  size_t bytes(int64_t objects) const;
};
MemoryNeeds memory_needs(const Sam2Config& config, Device::Kind kind);

// Objects at once that memory is taken for: what is usual, fewer where less is available, at least
// one. More of them take more memory when they come.
int64_t planned_objects(const MemoryNeeds& needs, size_t available);

// What a segmenter would do with `available` bytes beside the weights.
SegmenterMemory segmenter_memory(const Sam2Config& config, Device::Kind kind, size_t available);

}  // namespace vmolmo::sam2
