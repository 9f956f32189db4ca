#pragma once

#include <cstdint>

namespace vmolmo {

// The vision encoder (CLIP ViT-L/14-336 by default).
struct VitConfig {
  int64_t image_size = 336;  // square crops
  int64_t patch_size = 14;
  int64_t width = 1024;
  int64_t heads = 16;
  int64_t head_dim = 64;
  int64_t mlp_width = 4096;
  int64_t blocks = 23;  // as stored; the last ones may be unused
  float norm_eps = 1e-5f;

  int64_t grid() const { return image_size / patch_size; }
};

}  // namespace vmolmo
