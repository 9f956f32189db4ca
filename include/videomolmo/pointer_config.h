#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

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

// The language model (Qwen2-7B by default; norm_after and qk_norm make it OLMo).
struct DecoderConfig {
  int64_t width = 3584;
  int64_t blocks = 28;
  int64_t heads = 28;
  int64_t kv_heads = 4;
  int64_t mlp_width = 18944;       // half of the checkpoint's intermediate_size
  int64_t vocab_size = 152064;     // rows of ff_out and wte.embedding (embedding_size)
  int64_t extra_vocab_size = 128;  // rows of wte.new_embedding
  int64_t max_positions = 4096;
  double rope_theta = 1e6;
  float norm_eps = 1e-6f;
  bool qkv_bias = true;
  bool qk_norm = false;  // attention_layer_norm
  bool norm_after = false;
  std::optional<float> clip_qkv;
  bool tied = false;  // weight_tying: logits from wte.embedding

  int64_t head_dim() const { return width / heads; }
};

struct PreprocessConfig {
  int64_t max_crops = 12;
  int64_t margin_before = 4;  // overlap margins in patches
  int64_t margin_after = 4;
  std::array<float, 3> mean{0.48145466f, 0.4578275f, 0.40821073f};
  std::array<float, 3> std{0.26862954f, 0.26130258f, 0.27577711f};
  bool use_col_tokens = true;
};

struct ImageTokens {
  int32_t start = 152064;
  int32_t end = 152065;
  int32_t patch = 152066;
  int32_t col = 152067;
  int32_t image = 152068;
};

struct MolmoConfig {
  VitConfig vit;
  DecoderConfig decoder;
  PreprocessConfig preprocess;
  ImageTokens tokens;
  int32_t bos = 151643;
  int32_t eos = 151643;                     // ends an answer; negative: no id does
  std::vector<int64_t> vit_layers{-2, -9};  // negative layers count from the last stored block
  bool pad_embed = false;                   // Molmo: image_padding_embed
  bool temporal_adapter = true;             // VideoMolmo
  int64_t previous_frames = 4;              // l

  // Throws INVALID_ARGUMENT naming the first field that no model can have.
  void validate() const;
};

}  // namespace vmolmo
