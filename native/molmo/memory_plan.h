#pragma once

#include <cstddef>
#include <cstdint>

#include "native/molmo/config.h"
#include "videomolmo/pointer.h"

namespace vmolmo {

// How much of a pointer's work goes side by side.
struct BatchSizes {
  int64_t sequences = 8;       // answers that are decoded together
  int64_t frames = 5;          // encoded frames that a stream keeps
  int64_t vision_rows = 4096;  // tokens of crops that go through the encoder together
  int64_t prefill_rows = 512;  // prompt rows of one pass of the decoder
  int64_t step_rows = 8;       // rows of a decoding step up to which drafts are taken along

  bool operator==(const BatchSizes&) const = default;
};

// What goes best where memory is no concern. `previous_frames`: of the model; a keyframe needs them
// and itself.
BatchSizes best_batch_sizes(Device::Kind kind, int64_t previous_frames);

// Bytes that a pointer's work takes at most, beside the weights: upper bounds that follow from the
// shapes alone, with activations in f32.
struct PointerNeeds {
  int64_t positions = 0;  // of the longest ordinary sequence: the largest image, text and answer
  size_t sequence = 0;    // keys, values and embeddings of such a sequence
  size_t frame = 0;       // the features of a frame of the most crops
  size_t work = 0;        // activations of the widest call

  size_t bytes(const BatchSizes& sizes) const;
};
PointerNeeds pointer_needs(const MolmoConfig& config, const BatchSizes& sizes, Device::Kind kind);

struct PointerPlan {
  BatchSizes sizes;
  PointerNeeds needs;
  size_t bytes = 0;  // that the work takes beside the weights
};

// The largest batches, up to `sizes`, whose memory fits `available` bytes (SIZE_MAX: any). Fewer
// frames wait beside each other first, then calls become narrower, and fewer answers are decoded
// side by side last, as each of them shares the reading of all weights. With less memory than one
// answer needs, the plan is that of one answer; its bytes are more than `available` then.
PointerPlan plan_pointer(const MolmoConfig& config, BatchSizes sizes, Device::Kind kind,
                         size_t available);

// What a pointer would do with `available` bytes beside the weights.
PointerMemory molmo_memory(const MolmoConfig& config, Device::Kind kind, size_t available);

}  // namespace vmolmo
