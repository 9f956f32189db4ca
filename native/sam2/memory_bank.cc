#include "native/sam2/memory_bank.h"

#include <algorithm>
#include <cstdlib>
#include <set>

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

}  // namespace vmolmo::sam2
