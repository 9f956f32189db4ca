#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "videomolmo/attributes.h"

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

}  // namespace vmolmo

namespace vmolmo::sam2 {

// The configuration that attributes describe, checked; what they leave out is SAM 2.1
// Hiera-tiny's. Throws INVALID_ARGUMENT naming the attribute, and what validate() throws.
Sam2Config read_config(const Attributes& attributes);

// One block of the Hiera trunk, with everything that depends on its place resolved.
struct BlockPlan {
  int64_t dim = 0;      // channels in
  int64_t dim_out = 0;  // channels out
  int64_t heads = 0;
  int64_t window = 0;  // side in tokens; 0: global attention
  bool pool = false;   // 2x2 query pooling: the first block of stages 2, 3, 4
  bool stage_end = false;
};

std::vector<BlockPlan> plan_blocks(const Sam2Config& config);

// Throws UNSUPPORTED_MODEL naming the field when the numbers do not fit together.
void validate(const Sam2Config& config);

}  // namespace vmolmo::sam2
