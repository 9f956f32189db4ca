#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "native/sam2/frame_graph.h"
#include "native/sam2/memory_bank.h"
#include "native/sam2/tracker_heads.h"

namespace vmolmo::sam2 {

// What is kept of a batch of objects on one frame.
struct StepResult {
  Tensor low_res;   // [B, 4g, 4g], holes filled
  Tensor pointers;  // [B, C]
  Tensor scores;    // [B]
  Tensor ious;      // [B]
  Tensor memory;    // bf16 [B, g^2, M]; of tracked frames
};

// The same, object by object. The objects of a frame share its tensors: they come and mostly go
// together.
std::vector<FrameOutputPtr> outputs_of(const StepResult& result);

// The way of a batch of objects through one frame. On a GPU nothing in it waits for the device, and
// a tracked frame whose memories are laid out like those of earlier ones (every frame, once the
// memory is full; the same frame of the next window, before) is launched as one graph.
//
// Belongs to a model and is used on the engine thread of the model's context, by all sessions.
class FrameStep {
 public:
  FrameStep(const Sam2Config& config, Context& context, const TrackerHeads& heads,
            const MemoryEncoder& memory_encoder, const MemoryAttention& memory_attention,
            const MemoryAssembler& assembler);

  // A frame without prompts. `labels` name the objects in recorded tensors.
  StepResult track(Context& context, ImageFeatures& features, const MemoryBatch& memories,
                   int64_t fill_hole_area, const std::vector<std::string>& labels) const;

  // The parts of it, which prompted frames take one by one.
  // The frame's features in the light of what the objects remember: [B, g^2, C].
  Tensor condition(Context& context, ImageFeatures& features, const MemoryBatch& memories,
                   const std::vector<std::string>& labels) const;
  // Hole filling; what comes out may outlive the call. Without memory.
  StepResult finish(Context& context, const HeadResult& heads, int64_t fill_hole_area,
                    const std::vector<std::string>& labels) const;
  // bf16 [B, g^2, M].
  Tensor encode_memory(Context& context, ImageFeatures& features,
                       const MemoryEncoder::Request& request,
                       const std::vector<std::string>& labels) const;

  // The graphs in use, the one used last first.
  std::vector<const FrameGraph*> graphs() const;

 private:
  // The frames of one pattern.
  struct Slot {
    MemoryBatch inputs;  // views of memories_ and pointers_, and the codes
    FrameGraph graph;
    int64_t used = 0;
  };

  StepResult compute(Context& context, ImageFeatures& features, const MemoryBatch& memories,
                     int64_t fill_hole_area, const std::vector<std::string>& labels) const;
  // Null for a pattern that has not come before.
  Slot* find_slot(Context& context, const MemoryBatch& memories, int64_t fill_hole_area) const;
  std::unique_ptr<Slot> make_slot(Context& context, const MemoryBatch& memories) const;
  // Makes room in place; the slots that look at a smaller one go.
  void reserve(Context& context, const MemoryBatch& memories) const;
  void fill_slot(Context& context, ImageFeatures& features, const MemoryBatch& memories,
                 Slot& slot) const;

  const TrackerHeads& heads_;
  const MemoryEncoder& memory_encoder_;
  const MemoryAttention& memory_attention_;
  const MemoryAssembler& assembler_;
  int64_t grid_, width_, channels_, memory_frames_, pointer_frames_;
  Tensor no_prompt_;  // the sparse tokens of a frame without prompts, [2, C]
  // Of the frame in work, in place for the graphs.
  mutable ImageFeatures features_;
  mutable Tensor memories_;             // bf16 [frames, g^2, M]
  mutable Tensor pointers_;             // [pointers, C]
  mutable Tensor codes_;                // [pointers, C]
  mutable std::set<std::string> seen_;  // patterns
  mutable std::map<std::string, std::unique_ptr<Slot>> slots_;
  mutable int64_t calls_ = 0;
};

}  // namespace vmolmo::sam2
