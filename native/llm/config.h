#pragma once

#include <cstdint>
#include <optional>

namespace vmolmo {

// What queries and keys are normalised over before they are turned by their positions.
enum class QkNorm : uint8_t {
  kNone,
  kRow,   // all heads of a row together (OLMo)
  kHead,  // every head by itself, all with the same weights [head_dim] (Qwen3)
};

// The language model (Qwen2-7B by default; norm_after and QkNorm::kRow make it OLMo, QkNorm::kHead
// Qwen3).
struct DecoderConfig {
  int64_t width = 3584;
  int64_t blocks = 28;
  int64_t heads = 28;
  int64_t kv_heads = 4;
  int64_t head_dim = 128;
  int64_t mlp_width = 18944;       // half of the checkpoint's intermediate_size
  int64_t vocab_size = 152064;     // rows of ff_out and wte.embedding (embedding_size)
  int64_t extra_vocab_size = 128;  // rows of wte.new_embedding
  int64_t max_positions = 4096;
  double rope_theta = 1e6;
  float norm_eps = 1e-6f;
  bool qkv_bias = true;
  QkNorm qk_norm = QkNorm::kNone;
  bool norm_after = false;  // attention's and the MLP's results instead of what they read
  std::optional<float> clip_qkv;
  bool tied = false;  // weight_tying: logits from wte.embedding
};

}  // namespace vmolmo
