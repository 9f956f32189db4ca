#include "native/sam2/memory_needs.h"

#include <algorithm>

#include "native/ops/device_preferences.h"
#include "native/sam2/image_encoder.h"
#include "native/tensor/float_bytes.h"

namespace vmolmo::sam2 {
namespace {

constexpr int64_t kFrames = 8;
constexpr int64_t kObjects = 8;

// Stored outputs of every frame that memory attention looks back to.
size_t past_bytes(const Sam2Config& config) {
  const int64_t cells = config.grid() * config.grid();
  const int64_t pixels = config.mask_side() * config.mask_side();
  const int64_t frames = std::max(config.max_memory_frames, config.max_object_pointers);
  return float_bytes({frames, pixels + cells * config.memory_encoder.channels / 2});
}

// One object's share of a batch: the sequence that memory attention reads, the rows in it, and the
// upsampled masks.
size_t batch_bytes(const Sam2Config& config) {
  const int64_t cells = config.grid() * config.grid();
  const int64_t pixels = config.mask_side() * config.mask_side();
  const int64_t c = config.hidden_size, m = config.memory_encoder.channels;
  return float_bytes({2 * config.max_memory_frames, cells, m}) +
         float_bytes({cells, 6 * c + config.memory_attention.mlp_width}) +
         float_bytes({pixels, c / 2}) + float_bytes({pixels, 2 * config.mask_input_channels});
}

}  // namespace

MemoryNeeds memory_needs(const Sam2Config& config, Device::Kind kind) {
  const int64_t cells = config.grid() * config.grid();
  const int64_t pixels = config.mask_side() * config.mask_side();
  const int64_t c = config.hidden_size;
  const DevicePreferences device = device_preferences(kind);
  MemoryNeeds needs;
  needs.frame = float_bytes({pixels, c / 8 + c / 16}) + float_bytes({2 * cells, c});
  needs.object = past_bytes(config) + device.copies_of_work * batch_bytes(config);
  needs.work = device.scratch_bytes +
               device.copies_of_work * (image_encoder_bytes(config) +
                                        float_bytes({2 * config.max_memory_frames, cells, c}));
  return needs;
}

size_t MemoryNeeds::bytes(int64_t objects) const {
  return static_cast<size_t>(kFrames) * frame + static_cast<size_t>(objects) * object + work;
}

int64_t planned_objects(const MemoryNeeds& needs, size_t available) {
  int64_t objects = kObjects;
  while (objects > 1 && needs.bytes(objects) > available) --objects;
  return objects;
}

SegmenterMemory segmenter_memory(const Sam2Config& config, Device::Kind kind, size_t available) {
  const MemoryNeeds needs = memory_needs(config, kind);
  SegmenterMemory memory;
  memory.objects = planned_objects(needs, available);
  memory.least_bytes = needs.bytes(1);
  memory.bytes = needs.bytes(memory.objects);
  memory.frame_bytes = needs.frame;
  memory.activation_bytes = needs.work;
  memory.object_bytes = needs.object;
  return memory;
}

}  // namespace vmolmo::sam2
