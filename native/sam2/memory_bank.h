#pragma once

#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "native/sam2/memory_attention.h"
#include "native/sam2/memory_encoder.h"

namespace vmolmo::sam2 {

// What is kept of one object on one frame, on the device; of frames far from the one in work,
// low_res and memory may lie in the CPU's memory.
struct FrameOutput {
  Tensor low_res;  // [4g, 4g], holes filled
  Tensor pointer;  // [C]
  Tensor score;    // [1] object score logit, > 0: present
  Tensor iou;      // [1] of the chosen mask
  Tensor memory;   // bf16 [g^2, M]; empty until the frame is committed or tracked
};

using FrameOutputPtr = std::shared_ptr<const FrameOutput>;

// Outputs by frame that remember the order in which frames first came.
class OutputTable {
 public:
  using Entry = std::pair<int64_t, FrameOutputPtr>;

  // Null when the frame has no output.
  FrameOutputPtr find(int64_t frame) const;
  bool contains(int64_t frame) const { return find(frame) != nullptr; }
  // A frame that is there keeps its place.
  void set(int64_t frame, FrameOutputPtr output);
  // What was removed, or null.
  FrameOutputPtr take(int64_t frame);
  const std::vector<Entry>& entries() const { return entries_; }
  bool empty() const { return entries_.empty(); }

 private:
  std::vector<Entry> entries_;
};

// One object's past: frames that the user prompted and frames that were tracked.
struct MemoryBank {
  OutputTable conditioning;
  std::map<int64_t, FrameOutputPtr> tracked;
};

struct BankLimits {
  int64_t memory_frames = 7;      // K: conditioning frames count as temporal index K - 1
  int64_t stride = 1;             // between the tracked frames that are looked at
  int64_t max_conditioning = -1;  // -1: all
  int64_t pointer_frames = 16;    // P = min(frames of the clip, 16)

  // Tracked frames further away than this are never looked at.
  int64_t reach() const;
};

// What memory attention looks at for one frame. Borrowed from the bank.
struct MemorySelection {
  struct Memory {
    const FrameOutput* output;
    int64_t temporal_index;
  };
  struct Pointer {
    const FrameOutput* output;
    int64_t distance;  // frames, >= 0
  };
  std::vector<Memory> memories;
  std::vector<Pointer> pointers;
};

MemorySelection select_memory(const MemoryBank& bank, int64_t frame, bool reverse,
                              const BankLimits& limits);

// What a batch of objects looks at on one frame, in the order of the objects.
struct MemoryBatch {
  struct Object {
    std::vector<int64_t> temporal;  // the temporal index of every memory frame
    int64_t pointers = 0;
  };

  std::vector<Object> objects;
  std::vector<Tensor> memories;  // bf16 [g^2, M]: all objects' frames
  std::vector<Tensor> pointers;  // [C]: all objects' pointers
  Tensor codes;                  // sine codes of the pointers' distances, [pointers, C]

  // The same for batches that are laid out alike.
  std::string pattern() const;
};

// Lays memories out as the token sequences that memory attention reads.
class MemoryAssembler {
 public:
  // `positions`: the memory encoder's sine code.
  MemoryAssembler(const Sam2Config& config, WeightLoader& loader, const Tensor& positions);

  // Copies nothing to the device but the codes and memories that were moved away.
  MemoryBatch collect(Context& context, std::span<const MemorySelection> selections,
                      int64_t pointer_frames) const;
  // Objects [begin, end) of a batch.
  MemorySequences assemble(Context& context, const MemoryBatch& batch, int64_t begin,
                           int64_t end) const;
  // Temporal codes of pointers, one row per distance / (P - 1): [n, M]; zeros in 2.0.
  Tensor pointer_positions(Context& context, std::span<const float> distances) const;

 private:
  // The codes of pointers [begin, end), of objects that are laid out together.
  Tensor projected(Context& context, const MemoryBatch& batch, int64_t begin, int64_t end) const;

  int64_t width_;
  int64_t channels_;
  std::vector<Tensor> placed_;  // sine code + temporal code, per temporal index: [g^2, M]
  Linear temporal_proj_;        // 2.1 only
};

}  // namespace vmolmo::sam2
