#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <vector>

#include "native/sam2/model.h"
#include "videomolmo/segmenter.h"

namespace vmolmo::sam2 {

// One clip's session: prompts on frames, propagation in both directions, corrections, objects that
// come late. Objects are independent of each other; on a tracked frame they run as one batch. The
// caller brings the image features of the frame that a call needs. A call that throws leaves the
// session as it was.
//
// Calls that take a Context run on the engine thread. The others may come from any thread while
// such a call runs, except forget() and reset(), which must not.
class VideoPredictor {
 public:
  VideoPredictor(std::shared_ptr<const Model> model, const VideoOptions& options);

  // `logits` below: also return those at the video's size.

  // Prompts an object on a frame; a new object id makes a new object. With `clear_old` false the
  // points are appended to the frame's earlier ones. Returns every object's mask on the frame.
  FrameMasks add_points(Context& context, int64_t frame, ImageFeatures& features, int64_t object,
                        const PointPrompt& prompt, bool clear_old, bool logits);
  // mask: u8 0/1 [h, w] of any size.
  FrameMasks add_mask(Context& context, int64_t frame, ImageFeatures& features, int64_t object,
                      const Tensor& mask, bool logits);
  FrameMasks clear_prompts(Context& context, int64_t frame, int64_t object, bool logits);
  // The masks of the frames on which the object had prompts. Unknown ids are ignored unless
  // `strict`.
  std::vector<FrameMasks> remove_object(Context& context, int64_t object, bool strict, bool logits);

  // Frames with prompts that have not entered memory yet, in the order of prompting.
  std::vector<int64_t> prompted_frames() const;
  // Encodes the memory of a prompted frame for the objects prompted there.
  void commit(Context& context, int64_t frame, ImageFeatures& features);
  // The frames of a pass, in order. All prompted frames must have been committed.
  std::vector<int64_t> plan(std::optional<int64_t> start, std::optional<int64_t> max_frames,
                            bool reverse) const;
  // One frame of a pass. `features` may be null when needs_features(frame) is false.
  FrameMasks track(Context& context, int64_t frame, ImageFeatures* features, bool reverse,
                   bool logits);
  bool needs_features(int64_t frame) const;

  // Drops tracked outputs of frames outside [first, last]. Conditioning frames stay.
  void forget(int64_t first, int64_t last);
  // Forgets objects, prompts and results.
  void reset();

  std::vector<int64_t> object_ids() const;
  const Model& model() const { return *model_; }

 private:
  struct Object {
    int64_t id = 0;
    std::map<int64_t, std::vector<ModelPoint>> points;  // per frame, model coordinates
    std::set<int64_t> masks;                            // frames with a mask prompt
    MemoryBank bank;
    // Outputs of prompts that are not committed yet.
    OutputTable pending_conditioning, pending_tracked;
    std::map<int64_t, bool> passed;  // frame -> direction of the last pass (true: reverse)
  };
  using ObjectPtr = std::shared_ptr<Object>;

  // How a prompt on this frame is treated.
  struct PromptPlace {
    bool initial = false;       // the frame was never tracked for this object
    bool reverse = false;       // direction of the pass that did
    bool conditioning = false;  // the result becomes a conditioning frame
  };

  std::vector<int64_t> ids() const;
  std::vector<int64_t> pending_frames() const;
  ObjectPtr find(int64_t id) const;
  ObjectPtr require_object(int64_t id) const;
  void check_frame(int64_t frame) const;
  void check_features(const ImageFeatures& features) const;
  PromptPlace place_of(const Object& object, int64_t frame) const;
  FrameOutputPtr latest(const Object& object, int64_t frame, bool conditioning) const;
  BankLimits limits() const;

  // What the objects look at on a frame.
  MemoryBatch remember(Context& context, const std::vector<ObjectPtr>& objects, int64_t frame,
                       bool reverse) const;
  void store_pending(const ObjectPtr& object, int64_t frame, bool conditioning,
                     FrameOutputPtr output);
  void forget_locked(int64_t first, int64_t last);
  void drop_around(Object& object, int64_t frame);
  // Moves the large tensors of tracked frames that this one is far from to the CPU's memory, from
  // where a pass that comes back to them fetches them.
  void move_far_outputs(Context& context, int64_t frame);
  void erase_prompts(Object& object, int64_t frame);

  FrameMasks collect(Context& context, int64_t frame, bool conditioning, bool logits) const;
  FrameMasks render(Context& context, int64_t frame, const std::vector<FrameOutputPtr>& outputs,
                    bool logits) const;
  bool any_pending_conditioning(int64_t frame) const;

  std::shared_ptr<const Model> model_;
  VideoOptions options_;
  // Held while the state below changes, and by readers on other threads.
  mutable std::mutex mutex_;
  std::vector<ObjectPtr> objects_;  // in order of first use
};

// [objects, H, W] in place: every pixel keeps its largest logit (ties: the first object), the
// others fall to at most -10.
void apply_non_overlap(Context& context, Tensor& logits);

}  // namespace vmolmo::sam2
