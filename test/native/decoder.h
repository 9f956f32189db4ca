#pragma once

#include "native/llm/decoder.h"
#include "native/molmo/family.h"
#include "native/weights/weight_source.h"
#include "test/native/harness.h"

namespace vmolmo::test {

inline DecoderConfig tiny_decoder(bool olmo) {
  DecoderConfig config;
  config.width = 48;
  config.blocks = 3;
  config.heads = 4;
  config.kv_heads = olmo ? 4 : 2;
  config.head_dim = 12;
  config.mlp_width = 40;
  config.vocab_size = 70;
  config.extra_vocab_size = 6;
  config.max_positions = 128;
  config.qkv_bias = !olmo;
  config.qk_norm = olmo ? QkNorm::kRow : QkNorm::kNone;
  config.norm_after = olmo;
  if (olmo) config.clip_qkv = 2.0f;
  return config;
}

// The Qwen3 form: norms per head, heads that are wider than their share of the row.
inline DecoderConfig tiny_qwen3() {
  DecoderConfig config = tiny_decoder(false);
  config.head_dim = 20;
  config.qkv_bias = false;
  config.qk_norm = QkNorm::kHead;
  return config;
}

// With the weights of a dtype.
inline Decoder make_decoder(const DecoderConfig& config, Context& context,
                            WeightDType dtype = WeightDType::kStored) {
  // As on the CPU, so that both devices hold the same values.
  const WeightPolicy policy(dtype, 64, Device::Kind::kCpu);
  WeightLoader weights(hash_weights(), molmo_tensors(), policy, context.threads());
  if (context.on_cuda()) weights.set_memory(&context.memory());
  return Decoder(config, weights, "model.transformer.");
}

inline std::vector<int32_t> random_ids(Random& random, int64_t count) {
  std::vector<int32_t> ids;
  for (int64_t i = 0; i < count; ++i) ids.push_back(static_cast<int32_t>(random.integer(0, 75)));
  return ids;
}

}  // namespace vmolmo::test
