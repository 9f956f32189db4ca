#include "native/molmo/memory_plan.h"

#include <algorithm>

#include "native/llm/kv_cache.h"
#include "native/molmo/image_layout.h"
#include "native/ops/device_preferences.h"
#include "native/tensor/float_bytes.h"
#include "native/vit/vision_encoder.h"

namespace vmolmo {
namespace {

// Text around the image, and the answer.
constexpr int64_t kTextPositions = 128;
constexpr int64_t kAnswerPositions = 300;
// Below these, calls are slow and save little.
constexpr int64_t kLeastVisionRows = 1024;
constexpr int64_t kLeastPrefillRows = 128;
// Windows that the connector takes at once (videomolmo.cc).
constexpr int64_t kWindows = 512;
// Of the pictures that the configuration allows, the most crops and the most tokens.
ImageSize largest_image(const MolmoConfig& config) {
  ImageSize largest;
  for (int64_t rows = 1; rows <= config.preprocess.max_crops; ++rows) {
    const ImageSize size = image_size(config, {rows, config.preprocess.max_crops / rows});
    largest.crops = std::max(largest.crops, size.crops);
    largest.tokens = std::max(largest.tokens, size.tokens);
  }
  return largest;
}

int64_t feature_width(const MolmoConfig& config) {
  return static_cast<int64_t>(config.vit_layers.size()) * config.vit.width;
}

// Encoding: the batch in the blocks, and the crops and features of the frames around it.
size_t vision_bytes(const MolmoConfig& config, int64_t rows, int64_t crops) {
  const VitConfig& vit = config.vit;
  const int64_t patches = vit.grid() * vit.grid();
  const int64_t tokens = patches + 1;
  rows = std::max(tokens, rows);
  const int64_t frames = std::max<int64_t>(1, rows / (crops * tokens));
  const int64_t pixels = 3 * vit.patch_size * vit.patch_size;
  return vision_encoder_bytes(vit, feature_width(config), rows) +
         float_bytes({2 * frames * crops * patches, pixels + feature_width(config)});
}

// The temporal module and the connector: all windows of a frame, and a batch of them inside.
size_t connector_bytes(const MolmoConfig& config, int64_t crops) {
  const int64_t patches = config.vit.grid() * config.vit.grid();
  const int64_t features = feature_width(config);
  const int64_t windows = std::min(kWindows, crops * patches / 4);
  return float_bytes({6 * crops * patches, features}) + float_bytes({windows, 4 * 6 * features}) +
         float_bytes({windows, 4 * config.decoder.mlp_width}) +
         float_bytes({2 * crops * patches / 4, config.decoder.width});
}

// A pass of the decoder, and the logits of all sequences.
size_t decoder_bytes(const MolmoConfig& config, int64_t rows, int64_t outputs) {
  const DecoderConfig& decoder = config.decoder;
  const int64_t kv = 2 * decoder.kv_heads * decoder.head_dim;
  const int64_t wide = std::max(decoder.width, decoder.heads * decoder.head_dim);
  return float_bytes({rows, 6 * wide + 2 * kv + 4 * decoder.mlp_width}) +
         float_bytes({2 * outputs, decoder.vocab_size});
}

}  // namespace

BatchSizes best_batch_sizes(Device::Kind kind, int64_t previous_frames) {
  BatchSizes sizes;
  const DevicePreferences device = device_preferences(kind);
  sizes.sequences = sizes.step_rows = device.streamed_rows;
  sizes.frames = device.keyframes * (previous_frames + 1);
  sizes.vision_rows = device.encoder_rows;
  sizes.prefill_rows = device.prompt_rows;
  return sizes;
}

PointerNeeds pointer_needs(const MolmoConfig& config, const BatchSizes& sizes, Device::Kind kind) {
  const ImageSize image = largest_image(config);
  const DecoderConfig& decoder = config.decoder;
  PointerNeeds needs;
  needs.positions =
      std::min(decoder.max_positions, image.tokens + kTextPositions + kAnswerPositions);
  const int64_t patches = config.vit.grid() * config.vit.grid();
  needs.sequence = KvCache::bytes(decoder, 1, needs.positions) +
                   float_bytes({2 * needs.positions, decoder.width});
  needs.frame = float_bytes({image.crops * patches, feature_width(config)});
  const int64_t rows =
      std::max(std::min(sizes.prefill_rows, sizes.sequences * needs.positions), sizes.step_rows);
  needs.work = std::max({vision_bytes(config, sizes.vision_rows, image.crops),
                         connector_bytes(config, image.crops),
                         decoder_bytes(config, rows, std::max(sizes.sequences, sizes.step_rows))});
  needs.work += device_preferences(kind).scratch_bytes;
  return needs;
}

size_t PointerNeeds::bytes(const BatchSizes& sizes) const {
  return static_cast<size_t>(sizes.sequences) * sequence +
         static_cast<size_t>(sizes.frames) * frame + work;
}

PointerPlan plan_pointer(const MolmoConfig& config, BatchSizes sizes, Device::Kind kind,
                         size_t available) {
  const int64_t keyframe = config.previous_frames + 1;
  while (true) {
    const PointerNeeds needs = pointer_needs(config, sizes, kind);
    const PointerPlan plan{sizes, needs, needs.bytes(sizes)};
    if (plan.bytes <= available) return plan;
    if (sizes.frames > keyframe) {
      sizes.frames = std::max(keyframe, sizes.frames / 2);
    } else if (sizes.vision_rows > kLeastVisionRows || sizes.prefill_rows > kLeastPrefillRows) {
      sizes.vision_rows = std::max(kLeastVisionRows, sizes.vision_rows / 2);
      sizes.prefill_rows = std::max(kLeastPrefillRows, sizes.prefill_rows / 2);
    } else if (sizes.sequences > 1) {
      --sizes.sequences;
    } else {
      return plan;
    }
  }
}

PointerMemory molmo_memory(const MolmoConfig& config, Device::Kind kind, size_t available) {
  const BatchSizes best = best_batch_sizes(kind, config.previous_frames);
  const PointerPlan plan = plan_pointer(config, best, kind, available);
  PointerMemory memory;
  memory.least_bytes = plan_pointer(config, best, kind, 0).bytes;
  memory.bytes = plan.bytes;
  memory.frame_bytes = plan.needs.frame;
  memory.activation_bytes = plan.needs.work;
  memory.sequences = plan.sizes.sequences;
  memory.frames = plan.sizes.frames;
  memory.positions = plan.needs.positions;
  memory.sequence_bytes = plan.needs.sequence;
  return memory;
}

}  // namespace vmolmo
