#include "native/sam2/memory_needs.h"

#include <algorithm>
#include <initializer_list>

namespace vmolmo::sam2 {
namespace {

constexpr int64_t kFrames = 8;
constexpr int64_t kObjects = 8;
// A library's workspace, and what is rounded for tensor cores.
constexpr size_t kDeviceScratch = size_t{64} << 20;

size_t floats(std::initializer_list<int64_t> extents) {
  size_t count = sizeof(float);
  for (const int64_t extent : extents) count *= static_cast<size_t>(extent);
  return count;
}

// Graphs keep the memory of their work to themselves; plain work beside them takes its own.
constexpr size_t kWithGraphs = 2;

// Stored outputs of every frame that memory attention looks back to.
size_t past_bytes(const Sam2Config& config) {
  const int64_t cells = config.grid() * config.grid();
  const int64_t pixels = config.mask_side() * config.mask_side();
  const int64_t frames = std::max(config.max_memory_frames, config.max_object_pointers);
  return floats({frames, pixels + cells * config.memory_encoder.channels / 2});
}

// One object's share of a batch: the sequence that memory attention reads, the rows in it, and the
// upsampled masks.
size_t batch_bytes(const Sam2Config& config) {
  const int64_t cells = config.grid() * config.grid();
  const int64_t pixels = config.mask_side() * config.mask_side();
  const int64_t c = config.hidden_size, m = config.memory_encoder.channels;
  return floats({2 * config.max_memory_frames, cells, m}) +
         floats({cells, 6 * c + config.memory_attention.mlp_width}) + floats({pixels, c / 2}) +
         floats({pixels, 2 * config.mask_input_channels});
}

}  // namespace

MemoryNeeds memory_needs(const Sam2Config& config, Device::Kind kind) {
  const int64_t cells = config.grid() * config.grid();
  const int64_t pixels = config.mask_side() * config.mask_side();
  const int64_t c = config.hidden_size;
  const size_t times = kind == Device::Kind::kCpu ? 1 : kWithGraphs;
  MemoryNeeds needs;
  needs.frame = floats({pixels, c / 8 + c / 16}) + floats({2 * cells, c});
  needs.object = past_bytes(config) + times * batch_bytes(config);
  // The first stage's blocks are the widest; its output and those of the other stages stay.
  needs.work = times * (floats({pixels, 14 * config.trunk.width}) +
                        floats({6, config.image_size, config.image_size}) +
                        floats({2 * config.max_memory_frames, cells, c}));
  if (kind != Device::Kind::kCpu) needs.work += kDeviceScratch;
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

}  // namespace vmolmo::sam2
