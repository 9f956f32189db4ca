#include <algorithm>

#include "native/layers/sine_code.h"
#include "native/ops/stack.h"
#include "native/sam2/memory_bank.h"

namespace vmolmo::sam2 {

std::string MemoryBatch::pattern() const {
  std::string text;
  for (const Object& object : objects) {
    for (const int64_t index : object.temporal) text += concat(index, " ");
    text += concat("p", object.pointers, "; ");
  }
  return text;
}

MemoryAssembler::MemoryAssembler(const Sam2Config& config, WeightLoader& loader,
                                 const Tensor& positions)
    : width_(config.hidden_size), channels_(config.memory_encoder.channels) {
  const Tensor temporal =
      loader.host_f32("maskmem_tpos_enc", {config.max_memory_frames, 1, 1, channels_});
  for (int64_t i = 0; i < config.max_memory_frames; ++i) {
    Tensor placed = positions.clone(cpu_heap());
    float* out = placed.data<float>();
    const float* code = temporal.data<float>() + i * channels_;
    for (int64_t k = 0; k < placed.numel(); ++k) out[k] += code[k % channels_];
    placed_.push_back(loader.place(placed));
  }
  if (config.pointer_temporal_encoding)
    temporal_proj_ = load_linear(loader, "obj_ptr_tpos_proj.", width_, channels_);
}

Tensor MemoryAssembler::pointer_positions(Context& context,
                                          std::span<const float> distances) const {
  const auto count = static_cast<int64_t>(distances.size());
  if (!temporal_proj_.weight || count == 0) return context.zeros({count, channels_});
  return temporal_proj_(context, context.to_device(sine_code_1d(distances, width_)));
}

MemoryBatch MemoryAssembler::collect(Context& context, std::span<const MemorySelection> selections,
                                     int64_t pointer_frames) const {
  MemoryBatch batch;
  std::vector<float> distances;
  const auto span = static_cast<float>(std::max<int64_t>(pointer_frames - 1, 1));
  for (const MemorySelection& selection : selections) {
    MemoryBatch::Object& object = batch.objects.emplace_back();
    for (const auto& entry : selection.memories) {
      object.temporal.push_back(entry.temporal_index);
      batch.memories.push_back(context.to_device(entry.output->memory));
    }
    object.pointers = static_cast<int64_t>(selection.pointers.size());
    for (const auto& pointer : selection.pointers) {
      distances.push_back(static_cast<float>(pointer.distance) / span);
      batch.pointers.push_back(pointer.output->pointer);
    }
  }
  if (temporal_proj_.weight && !distances.empty())
    batch.codes = context.to_device(sine_code_1d(distances, width_));
  return batch;
}

Tensor MemoryAssembler::projected(Context& context, const MemoryBatch& batch, int64_t begin,
                                  int64_t end) const {
  if (!batch.codes || begin == end) return {};
  return temporal_proj_(context, batch.codes.slice(0, begin, end));
}

MemorySequences MemoryAssembler::assemble(Context& context, const MemoryBatch& batch, int64_t begin,
                                          int64_t end) const {
  const int64_t per_frame = placed_[0].dim(0), quarters = width_ / channels_;
  size_t frame = 0;
  int64_t pointer = 0;
  for (int64_t b = 0; b < begin; ++b) {
    frame += batch.objects[static_cast<size_t>(b)].temporal.size();
    pointer += batch.objects[static_cast<size_t>(b)].pointers;
  }
  MemorySequences sequences;
  std::vector<ops::TokenBlock> blocks;
  int64_t row = 0;
  for (int64_t b = begin; b < end; ++b) {
    const MemoryBatch::Object& object = batch.objects[static_cast<size_t>(b)];
    const int64_t first = row;
    for (const int64_t index : object.temporal) {
      blocks.push_back({batch.memories[frame++], placed_[static_cast<size_t>(index)], row});
      row += per_frame;
    }
    // Every quarter of a pointer gets the pointer's code.
    const Tensor codes = projected(context, batch, pointer, pointer + object.pointers);
    for (int64_t i = 0; i < object.pointers; ++i, ++pointer, row += quarters)
      blocks.push_back(
          {batch.pointers[static_cast<size_t>(pointer)], codes ? codes[i] : Tensor(), row});
    sequences.parts.push_back({first, row, object.pointers * quarters});
  }
  sequences.memory = context.empty({row, channels_});
  sequences.placed = context.empty({row, channels_});
  ops::place_tokens(context, blocks, sequences.memory, sequences.placed);
  return sequences;
}

}  // namespace vmolmo::sam2
