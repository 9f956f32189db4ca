#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "videomolmo/call.h"
#include "videomolmo/tensor.h"

// The segmenter: SAM 2 and 2.1. Frames and prompts in, masks out.

namespace vmolmo {

class Context;
class WeightSource;
namespace sam2 {
struct ImageFeatures;
class Model;
class VideoPredictor;
}  // namespace sam2

// The architecture of a SAM 2 or SAM 2.1 checkpoint. The defaults are SAM 2.1 Hiera-tiny.
struct Sam2Config {
  struct Trunk {
    int64_t width = 96;
    std::vector<int64_t> blocks_per_stage{1, 2, 7, 2};
    std::vector<int64_t> widths{96, 192, 384, 768};
    std::vector<int64_t> heads_per_stage{1, 2, 4, 8};
    std::vector<int64_t> window_per_stage{8, 4, 14, 7};
    std::vector<int64_t> global_blocks{5, 7, 9};
    std::array<int64_t, 2> background_size{7, 7};  // the stored position grid
    double mlp_ratio = 4.0;
    float norm_eps = 1e-6f;
  };
  struct Decoder {
    int64_t layers = 2;
    int64_t heads = 8;
    int64_t mlp_width = 2048;
    int64_t attention_downsample = 2;
    int64_t iou_head_hidden = 256;
    // multimask = false falls back to the best of masks 1..3 when mask 0 is not stable.
    bool dynamic_multimask = true;
    float stability_delta = 0.05f;
    float stability_threshold = 0.98f;
  };
  struct MemoryAttention {
    int64_t layers = 4;
    int64_t mlp_width = 2048;
    double rope_theta = 10000.0;
  };
  struct MemoryEncoder {
    int64_t channels = 64;
    int64_t fuser_layers = 2;
    int64_t fuser_width = 1024;
  };

  std::string version = "2.1";
  int64_t image_size = 1024;
  Trunk trunk;
  int64_t hidden_size = 256;
  int64_t mask_input_channels = 16;
  Decoder decoder;
  MemoryAttention memory_attention;
  MemoryEncoder memory_encoder;
  int64_t max_memory_frames = 7;
  int64_t max_object_pointers = 16;
  int64_t max_conditioning_frames = -1;  // no limit
  float sigmoid_scale = 20.0f;
  float sigmoid_bias = -10.0f;
  bool occlusion_embedding = true;        // 2.1: no_obj_embed_spatial
  bool pointer_temporal_encoding = true;  // 2.1: obj_ptr_tpos_proj

  // Side of the stride-16 feature grid.
  int64_t grid() const { return image_size / 16; }
  // Side of the low-resolution masks.
  int64_t mask_side() const { return 4 * grid(); }
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

struct SegmenterLoadOptions {
  Sam2Config config;
  // A file of weights or a folder with them, as open_weights() takes it. Empty: generated hash
  // weights (tests, benchmarks).
  std::string weights_path;
  FileAccess files = FileAccess::kAuto;
  bool transformers_names = false;  // the tensor names of Hugging Face checkpoints
  WeightDType dtype = WeightDType::kStored;
  int threads = 0;  // 0: one per available core
  // Where the model runs and its weights lie.
  Device device;
  // Bytes that the segmenter's weights and work may take; 0: no limit. On a GPU the work's memory
  // is taken at load and nothing exceeds the limit; on the CPU more objects than planned may.
  size_t memory_limit = 0;
  std::shared_ptr<const CancelFlag> cancel;
};

struct SegmenterInfo {
  int64_t parameters = 0;
  int64_t weight_bytes = 0;
  int64_t work_bytes = 0;  // that the work of `objects` takes beside the weights, at most
  int64_t objects = 0;     // that memory is there for from the start
  int threads = 0;
};

// What the model sees in one frame, computed once and shared by prompts, objects, directions and
// videos. Belongs to the segmenter that made it.
using FrameFeatures = std::shared_ptr<sam2::ImageFeatures>;

class SegmenterVideo;

// A loaded SAM 2. One thread at a time uses a segmenter and its videos.
class Segmenter {
 public:
  // Throws MODEL_NOT_FOUND, CHECKPOINT_INVALID, UNSUPPORTED_MODEL, OUT_OF_MEMORY, ABORTED.
  static std::unique_ptr<Segmenter> load(const SegmenterLoadOptions& options);
  // The same with weights from elsewhere than options.weights_path.
  static std::unique_ptr<Segmenter> load(const SegmenterLoadOptions& options,
                                         std::shared_ptr<WeightSource> weights);
  ~Segmenter();
  Segmenter(const Segmenter&) = delete;
  Segmenter& operator=(const Segmenter&) = delete;

  SegmenterInfo info() const;
  const Sam2Config& config() const;
  // Waits until the device has done everything that was asked of it.
  MemoryUse memory_use();
  // Milliseconds per stage of the last call.
  const std::map<std::string, double>& times() const;

  // Throws INVALID_ARGUMENT, ABORTED.
  FrameFeatures encode(const RgbImage& image, ResizeMode mode = ResizeMode::kVideo,
                       const CallOptions& call = {});
  // Masks per prompt, in order. Throws INVALID_ARGUMENT for what is no prompt on the picture,
  // ABORTED.
  std::vector<ImageMasks> segment(const FrameFeatures& features,
                                  const std::vector<ImagePrompt>& prompts,
                                  const SegmentOptions& options = {}, const CallOptions& call = {});
  // The video must not outlive the segmenter.
  std::unique_ptr<SegmenterVideo> open_video(const VideoOptions& options);

  // For the library itself.
  Context& context();
  const std::shared_ptr<const sam2::Model>& model() const;

 private:
  struct Impl;
  explicit Segmenter(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// One clip or live stream: prompts on frames, propagation in both directions, corrections. The
// caller brings the features of the frame that a call needs. A call that throws changes nothing.
//
//   video->add_points(0, features[0], 1, prompt);
//   for (const int64_t frame : video->prompted_frames()) video->commit(frame, features[frame]);
//   for (const int64_t frame : video->plan()) show(video->track(frame, features[frame]));
class SegmenterVideo {
 public:
  ~SegmenterVideo();
  SegmenterVideo(const SegmenterVideo&) = delete;
  SegmenterVideo& operator=(const SegmenterVideo&) = delete;

  // A new object id makes a new object. With `clear_old` false the points are appended to the
  // frame's earlier ones. Returns the masks of all objects on the frame.
  FrameMasks add_points(int64_t frame, const FrameFeatures& features, int64_t object,
                        const PointPrompt& prompt, bool clear_old = true,
                        const CallOptions& call = {});
  // mask: u8 [h, w] of any size, non-zero = object.
  FrameMasks add_mask(int64_t frame, const FrameFeatures& features, int64_t object,
                      const Tensor& mask, const CallOptions& call = {});
  FrameMasks clear_prompts(int64_t frame, int64_t object, const CallOptions& call = {});
  // Unknown ids are ignored. Returns the masks of the frames where the object had prompts.
  std::vector<FrameMasks> remove_object(int64_t object, const CallOptions& call = {});

  // Frames whose prompts have not entered memory yet; each needs commit() before a pass.
  std::vector<int64_t> prompted_frames() const;
  void commit(int64_t frame, const FrameFeatures& features, const CallOptions& call = {});
  // The frames of a pass, in order: from `start` (default: the first prompted frame), at most
  // `max_frames` further ones (default: to the end of the clip).
  std::vector<int64_t> plan(std::optional<int64_t> start = {},
                            std::optional<int64_t> max_frames = {}, bool reverse = false) const;
  // One frame of a pass, all objects as one batch. `features` may be null when needs_features() is
  // false.
  FrameMasks track(int64_t frame, const FrameFeatures& features, bool reverse = false,
                   const CallOptions& call = {});
  bool needs_features(int64_t frame) const;

  // Drops tracked results of frames outside [first, last]; prompted frames stay.
  void forget(int64_t first, int64_t last);
  void reset();
  std::vector<int64_t> object_ids() const;

 private:
  friend class Segmenter;
  SegmenterVideo(Segmenter& owner, const VideoOptions& options);

  Segmenter& owner_;
  std::unique_ptr<sam2::VideoPredictor> video_;
};

}  // namespace vmolmo
