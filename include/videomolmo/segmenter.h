#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "videomolmo/tensor.h"

namespace vmolmo {

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
  std::optional<std::array<float, 4>> box;  // x0, y0, x1, y1
  bool normalized = false;
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

}  // namespace vmolmo
