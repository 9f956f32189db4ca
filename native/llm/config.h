#pragma once

#include <cstdint>
#include <optional>

namespace vmolmo {

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

}  // namespace vmolmo
