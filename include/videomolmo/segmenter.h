#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "videomolmo/call.h"
#include "videomolmo/load.h"

// The segmenter: frames and prompts in, masks out.

namespace vmolmo {

struct SegmenterInfo : ModelInfo {
  int64_t objects = 0;  // that memory is there for from the start
};

struct SegmenterMemory : WorkMemory {
  int64_t objects = 0;
  size_t object_bytes = 0;  // an object's past, and its share of a tracked frame's batch
};

// Points and a box on one frame, in pixels of the original picture (x right, y down), or in
// fractions of its width and height when `normalized`.
struct PointPrompt {
  std::vector<float> points;                // x, y pairs
  std::vector<int32_t> labels;              // 1 positive, 0 negative; one per point
  std::optional<std::array<float, 4>> box;  // x0, y0, x1, y1; may stick out of the picture
  bool normalized = false;
};

// Which of the reference's two resizes a picture goes through; they differ by about 3 % on
// textures.
enum class ResizeMode : uint8_t {
  kImage,  // antialiased bilinear on floats (image predictor)
  kVideo,  // Pillow's bicubic on bytes (video loader)
};

// One prompt on one picture (image predictor).
struct ImagePrompt {
  PointPrompt points;
  std::vector<float> mask_input;  // low-resolution logits of an earlier call, or empty
};

struct SegmentOptions {
  bool multimask = true;        // three candidates instead of one
  float mask_threshold = 0.0f;  // mask = logit > threshold
  bool logits = false;          // also return logits at the picture's size
  int64_t max_hole_area = 0;    // low-resolution pixels; 0: off
  int64_t max_sprinkle_area = 0;
};

struct ImageMasks {
  Tensor masks;    // u8 [count, H, W]
  Tensor low_res;  // f32 [count, 4g, 4g], clamped to +-32, to be fed back as mask_input
  std::vector<float> ious;
  Tensor logits;  // f32 [count, H, W] when asked for
};

struct VideoOptions {
  int64_t width = 0;
  int64_t height = 0;
  // Frames of the clip, 0 when unknown (live). Shapes the pointers' temporal encoding.
  int64_t frame_count = 0;
  // Background specks of at most this many low-resolution pixels inside a mask are filled. 0: off.
  int64_t fill_hole_area = 8;
  // Every pixel belongs to at most one object: the one with the largest logit.
  bool non_overlap_masks = false;
  // Prompted frames enter memory as hard masks instead of sigmoids.
  bool binarize_mask_from_points = true;
  bool add_all_frames_to_correct_as_cond = false;
  bool clear_memory_around_input = false;
  int64_t memory_stride = 1;
  // Conditioning frames that memory attention may use; overrides the configuration's when not 0.
  int64_t max_conditioning_frames = 0;
  // A correction on a frame that was tracked before becomes a conditioning frame, so the next pass
  // over the frame keeps it. The reference's predictor loses it by default (false).
  bool keep_corrections = true;
};

// The masks of every object on one frame.
struct FrameMasks {
  int64_t frame = 0;
  std::vector<int64_t> object_ids;
  Tensor masks;                      // u8 [objects, H, W]
  Tensor low_res;                    // f32 [objects, 4g, 4g]
  Tensor logits;                     // f32 [objects, H, W] when asked for
  std::vector<float> ious;           // predicted IoU of the chosen mask; 0 where there is no output
  std::vector<float> object_scores;  // logits: > 0 present; -1024 where there is no output
};

// What the model sees in one frame, computed once and shared by prompts, objects, directions and
// videos. Opaque; belongs to the segmenter that made it.
class FrameFeatures {
 public:
  virtual ~FrameFeatures() = default;

  int64_t width = 0;  // of the original picture, pixels
  int64_t height = 0;

 protected:
  FrameFeatures() = default;
};
using FrameFeaturesPtr = std::shared_ptr<FrameFeatures>;

struct VideoCall : CallOptions {
  bool logits = false;  // also return logits at the video's size
};

// One clip or live stream: prompts on frames, propagation in both directions, corrections. The
// caller brings the features of the frame that a call needs. A call that throws changes nothing.
//
//   video->add_points(0, features[0], 1, prompt);
//   for (const int64_t frame : video->prompted_frames()) video->commit(frame, features[frame]);
//   for (const int64_t frame : video->plan()) show(video->track(frame, features[frame]));
//
// Calls that take call options run on one thread at a time. The others may come from any thread
// while such a call runs, except forget() and reset(), which must not.
class SegmenterVideo {
 public:
  virtual ~SegmenterVideo() = default;
  SegmenterVideo(const SegmenterVideo&) = delete;
  SegmenterVideo& operator=(const SegmenterVideo&) = delete;

  // A new object id makes a new object. With `clear_old` false the points are appended to the
  // frame's earlier ones. Returns the masks of all objects on the frame.
  virtual FrameMasks add_points(int64_t frame, const FrameFeaturesPtr& features, int64_t object,
                                const PointPrompt& prompt, bool clear_old = true,
                                const VideoCall& call = {}) = 0;
  // mask: u8 [h, w] of any size, non-zero = object.
  virtual FrameMasks add_mask(int64_t frame, const FrameFeaturesPtr& features, int64_t object,
                              const Tensor& mask, const VideoCall& call = {}) = 0;
  virtual FrameMasks clear_prompts(int64_t frame, int64_t object, const VideoCall& call = {}) = 0;
  // Returns the masks of the frames where the object had prompts. Unknown ids are ignored unless
  // `strict`.
  virtual std::vector<FrameMasks> remove_object(int64_t object, bool strict = false,
                                                const VideoCall& call = {}) = 0;

  // Frames whose prompts have not entered memory yet; each needs commit() before a pass.
  virtual std::vector<int64_t> prompted_frames() const = 0;
  virtual void commit(int64_t frame, const FrameFeaturesPtr& features,
                      const CallOptions& call = {}) = 0;
  // The frames of a pass, in order: from `start` (default: the first prompted frame), at most
  // `max_frames` further ones (default: to the end of the clip).
  virtual std::vector<int64_t> plan(std::optional<int64_t> start = {},
                                    std::optional<int64_t> max_frames = {},
                                    bool reverse = false) const = 0;
  // One frame of a pass, all objects as one batch. `features` may be null when needs_features() is
  // false.
  virtual FrameMasks track(int64_t frame, const FrameFeaturesPtr& features, bool reverse = false,
                           const VideoCall& call = {}) = 0;
  virtual bool needs_features(int64_t frame) const = 0;

  // Drops tracked results of frames outside [first, last]; prompted frames stay.
  virtual void forget(int64_t first, int64_t last) = 0;
  virtual void reset() = 0;
  virtual std::vector<int64_t> object_ids() const = 0;

 protected:
  SegmenterVideo() = default;
};

// A loaded segmenter. One thread at a time uses a segmenter and its videos.
class Segmenter {
 public:
  virtual ~Segmenter() = default;
  Segmenter(const Segmenter&) = delete;
  Segmenter& operator=(const Segmenter&) = delete;

  virtual SegmenterInfo info() const = 0;
  // Waits until the device has done everything that was asked of it.
  virtual MemoryUse memory_use() = 0;
  // Of the last call.
  virtual const StageTimes& times() = 0;

  // Throws INVALID_ARGUMENT, ABORTED.
  virtual FrameFeaturesPtr encode(const RgbImage& image, ResizeMode mode = ResizeMode::kVideo,
                                  const CallOptions& call = {}) = 0;
  // Masks per prompt, in order. Throws INVALID_ARGUMENT for what is no prompt on the picture,
  // ABORTED.
  virtual std::vector<ImageMasks> segment(const FrameFeaturesPtr& features,
                                          const std::vector<ImagePrompt>& prompts,
                                          const SegmentOptions& options = {},
                                          const CallOptions& call = {}) = 0;
  // The video must not outlive the segmenter. Throws INVALID_ARGUMENT; UNSUPPORTED_MODEL for a
  // family without a memory of earlier frames.
  virtual std::unique_ptr<SegmenterVideo> open_video(const VideoOptions& options) = 0;

 protected:
  Segmenter() = default;
};

// Loads a segmenter of a family ("sam2"; segmenter_families() lists them). Throws UNSUPPORTED_MODEL
// for an unknown family and for attributes that do not fit together, INVALID_ARGUMENT naming an
// attribute, MODEL_NOT_FOUND, CHECKPOINT_INVALID, DEVICE_UNAVAILABLE, OUT_OF_MEMORY, ABORTED.
std::unique_ptr<Segmenter> load_segmenter(const std::string& family, const Attributes& attributes,
                                          std::shared_ptr<WeightSource> weights,
                                          const LoadOptions& options = {});

// What a segmenter would do with `available` bytes beside the weights (SIZE_MAX: any).
SegmenterMemory segmenter_memory(const std::string& family, const Attributes& attributes,
                                 Device device = {}, size_t available = SIZE_MAX);

}  // namespace vmolmo
