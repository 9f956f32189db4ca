#include "native/sam2/memory_bank.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <set>

#include "native/ops/copy.h"
#include "native/ops/elementwise.h"
#include "native/sam2/position.h"

namespace vmolmo::sam2 {

FrameOutputPtr OutputTable::find(int64_t frame) const {
  const auto at = std::ranges::find(entries_, frame, &Entry::first);
  return at == entries_.end() ? nullptr : at->second;
}

void OutputTable::set(int64_t frame, FrameOutputPtr output) {
  const auto at = std::ranges::find(entries_, frame, &Entry::first);
  if (at == entries_.end()) {
    entries_.emplace_back(frame, std::move(output));
  } else {
    at->second = std::move(output);
  }
}

FrameOutputPtr OutputTable::take(int64_t frame) {
  const auto at = std::ranges::find(entries_, frame, &Entry::first);
  if (at == entries_.end()) return nullptr;
  FrameOutputPtr output = at->second;
  entries_.erase(at);
  return output;
}

int64_t BankLimits::reach() const {
  // With a stride, the nearest multiple may lie up to stride + 1 frames away.
  return std::max(memory_frames * stride + 2, pointer_frames - 1);
}

namespace {

int64_t floor_div(int64_t a, int64_t b) { return a / b - (a % b != 0 && (a < 0) != (b < 0)); }

// The conditioning frames to use, in the order in which they enter the sequence.
std::vector<OutputTable::Entry> select_conditioning(const OutputTable& table, int64_t frame,
                                                    int64_t limit) {
  const auto& all = table.entries();
  if (limit < 0 || static_cast<int64_t>(all.size()) <= limit) return all;
  std::vector<OutputTable::Entry> chosen;
  const OutputTable::Entry* before = nullptr;
  const OutputTable::Entry* after = nullptr;
  for (const auto& entry : all) {
    if (entry.first < frame && (!before || entry.first > before->first)) before = &entry;
    if (entry.first >= frame && (!after || entry.first < after->first)) after = &entry;
  }
  if (before) chosen.push_back(*before);
  if (after) chosen.push_back(*after);
  std::vector<OutputTable::Entry> rest;
  for (const auto& entry : all)
    if (std::ranges::find(chosen, entry.first, &OutputTable::Entry::first) == chosen.end())
      rest.push_back(entry);
  std::ranges::stable_sort(rest, {}, [&](const auto& e) { return std::abs(e.first - frame); });
  for (const auto& entry : rest) {
    if (static_cast<int64_t>(chosen.size()) >= limit) break;
    chosen.push_back(entry);
  }
  return chosen;
}

// The frame `steps` looks back (or ahead in reverse), on the grid that the stride makes.
int64_t strided_frame(int64_t frame, int64_t steps, int64_t stride, bool reverse) {
  if (steps == 1) return reverse ? frame + 1 : frame - 1;
  if (reverse) return -floor_div(-(frame + 2), stride) * stride + (steps - 2) * stride;
  return floor_div(frame - 2, stride) * stride - (steps - 2) * stride;
}

}  // namespace

MemorySelection select_memory(const MemoryBank& bank, int64_t frame, bool reverse,
                              const BankLimits& limits) {
  const auto conditioning = select_conditioning(bank.conditioning, frame, limits.max_conditioning);
  // A tracked output, or that of a conditioning frame that the limit left out.
  const auto output_at = [&](int64_t t) -> const FrameOutput* {
    const auto tracked = bank.tracked.find(t);
    if (tracked != bank.tracked.end()) return tracked->second.get();
    if (std::ranges::find(conditioning, t, &OutputTable::Entry::first) != conditioning.end())
      return nullptr;
    return bank.conditioning.find(t).get();
  };
  MemorySelection selection;
  for (const auto& [t, output] : conditioning)
    selection.memories.push_back({output.get(), limits.memory_frames - 1});
  for (int64_t steps = limits.memory_frames - 1; steps >= 1; --steps) {
    const FrameOutput* output = output_at(strided_frame(frame, steps, limits.stride, reverse));
    if (output && output->memory) selection.memories.push_back({output, steps - 1});
  }
  for (const auto& [t, output] : conditioning) {
    const int64_t distance = reverse ? t - frame : frame - t;
    if (distance >= 0) selection.pointers.push_back({output.get(), distance});
  }
  for (int64_t distance = 1; distance < limits.pointer_frames; ++distance) {
    const int64_t t = reverse ? frame + distance : frame - distance;
    if (const FrameOutput* output = output_at(t)) selection.pointers.push_back({output, distance});
  }
  return selection;
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

MemorySequence MemoryAssembler::assemble(Context& context, const MemorySelection& selection,
                                         int64_t pointer_frames) const {
  const int64_t per_frame = placed_[0].dim(0);
  const auto frames = static_cast<int64_t>(selection.memories.size());
  const auto pointers = static_cast<int64_t>(selection.pointers.size());
  const int64_t quarters = width_ / channels_;
  MemorySequence sequence;
  sequence.pointer_tokens = pointers * quarters;
  const int64_t tokens = frames * per_frame + sequence.pointer_tokens;
  sequence.memory = context.empty({tokens, channels_});
  sequence.placed = context.empty({tokens, channels_});
  const auto put = [&](int64_t begin, const Tensor& values, const Tensor& positions) {
    const int64_t end = begin + values.dim(0);
    ops::copy_into(context, values, sequence.memory.slice(0, begin, end));
    ops::copy_into(context, ops::add(context, values, positions),
                   sequence.placed.slice(0, begin, end));
  };
  for (int64_t f = 0; f < frames; ++f) {
    const auto& entry = selection.memories[static_cast<size_t>(f)];
    put(f * per_frame, ops::widened(context, entry.output->memory),
        placed_[static_cast<size_t>(entry.temporal_index)]);
  }
  if (pointers == 0) return sequence;
  std::vector<float> distances;
  std::vector<Tensor> values;
  const auto span = static_cast<float>(std::max<int64_t>(pointer_frames - 1, 1));
  for (const auto& pointer : selection.pointers) {
    distances.push_back(static_cast<float>(pointer.distance) / span);
    values.push_back(pointer.output->pointer.reshape({1, quarters, channels_}));
  }
  // Every quarter of a pointer gets the pointer's code.
  const Tensor codes = pointer_positions(context, distances);
  Tensor repeated = context.empty({pointers, quarters, channels_});
  ops::copy_into(context, codes.reshape({pointers, 1, channels_}), repeated);
  put(frames * per_frame, ops::concat(context, values, 0).reshape({-1, channels_}),
      repeated.reshape({-1, channels_}));
  return sequence;
}

}  // namespace vmolmo::sam2
