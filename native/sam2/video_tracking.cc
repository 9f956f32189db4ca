// Prompted frames enter memory; passes over the clip.

#include <algorithm>
#include <cstdlib>

#include "native/ops/stack.h"
#include "native/sam2/checks.h"
#include "native/sam2/video_predictor.h"

namespace vmolmo::sam2 {
namespace {

// How far from the frame in work a clip's outputs stay on a GPU, in reaches of the memory (15
// frames with the usual numbers). An object's frame takes 0.8 MiB.
constexpr int64_t kReachesOnDevice = 4;

}  // namespace

MemoryBatch VideoPredictor::remember(Context& context, const std::vector<ObjectPtr>& objects,
                                     int64_t frame, bool reverse) const {
  const BankLimits bank = limits();
  std::vector<MemorySelection> selections;
  for (const ObjectPtr& object : objects) {
    selections.push_back(select_memory(object->bank, frame, reverse, bank));
    expect(!selections.back().memories.empty(), "Object ", object->id,
           " has no committed prompt to be tracked from.");
  }
  return model_->assembler().collect(context, selections, bank.pointer_frames);
}

std::vector<int64_t> VideoPredictor::prompted_frames() const {
  std::lock_guard lock(mutex_);
  return pending_frames();
}

std::vector<int64_t> VideoPredictor::pending_frames() const {
  std::vector<int64_t> frames;
  const auto note = [&](const OutputTable& table) {
    for (const auto& [frame, output] : table.entries())
      if (std::ranges::find(frames, frame) == frames.end()) frames.push_back(frame);
  };
  for (const ObjectPtr& object : objects_) {
    note(object->pending_tracked);
    note(object->pending_conditioning);
  }
  return frames;
}

void VideoPredictor::commit(Context& context, int64_t frame, ImageFeatures& features) {
  check_frame(frame);
  check_features(features);
  struct Pending {
    ObjectPtr object;
    bool conditioning;
    FrameOutputPtr output;
  };
  std::vector<Pending> pending;
  for (const ObjectPtr& object : objects_) {
    for (const bool conditioning : {false, true}) {
      const OutputTable& table =
          conditioning ? object->pending_conditioning : object->pending_tracked;
      if (FrameOutputPtr output = table.find(frame))
        pending.push_back({object, conditioning, std::move(output)});
    }
  }
  if (pending.empty()) return;
  std::vector<Tensor> masks, scores;
  std::vector<std::string> labels;
  for (const Pending& entry : pending) {
    const Tensor& low_res = entry.output->low_res;
    masks.push_back(low_res.reshape({1, low_res.dim(0), low_res.dim(1)}));
    scores.push_back(entry.output->score);
    labels.push_back("preflight." + label_of(frame, entry.object->id));
  }
  MemoryEncoder::Request request;
  request.logits = ops::joined(context, masks);
  request.scores = ops::joined(context, scores);
  request.binarize = options_.binarize_mask_from_points;
  const Tensor memory = model_->step().encode_memory(context, features, request, labels);
  std::lock_guard lock(mutex_);
  for (size_t i = 0; i < pending.size(); ++i) {
    Object& object = *pending[i].object;
    auto output = std::make_shared<FrameOutput>(*pending[i].output);
    output->memory = memory[static_cast<int64_t>(i)];
    if (pending[i].conditioning) {
      object.pending_conditioning.take(frame);
      object.bank.conditioning.set(frame, std::move(output));
    } else {
      object.pending_tracked.take(frame);
      object.bank.tracked[frame] = std::move(output);
    }
    if (object.bank.conditioning.contains(frame)) object.bank.tracked.erase(frame);
    if (options_.clear_memory_around_input) drop_around(object, frame);
  }
}

void VideoPredictor::drop_around(Object& object, int64_t frame) {
  const int64_t span = model_->config().max_memory_frames * options_.memory_stride;
  std::erase_if(object.bank.tracked, [&](const auto& entry) {
    return entry.first >= frame - span && entry.first <= frame + span;
  });
}

std::vector<int64_t> VideoPredictor::plan(std::optional<int64_t> start,
                                          std::optional<int64_t> max_frames, bool reverse) const {
  std::lock_guard lock(mutex_);
  expect(!objects_.empty(), "There is nothing to propagate: no object has a prompt.");
  const std::vector<int64_t> pending = pending_frames();
  expect(pending.empty(), "Frame ", pending.empty() ? 0 : pending[0],
         " has prompts that are not committed.");
  std::optional<int64_t> first;
  for (const ObjectPtr& object : objects_) {
    expect(!object->bank.conditioning.empty(), "Object ", object->id,
           " has no prompt to propagate from.");
    for (const auto& [frame, output] : object->bank.conditioning.entries())
      first = std::min(first.value_or(frame), frame);
  }
  const int64_t begin = start.value_or(*first);
  check_frame(begin);
  expect(!max_frames || *max_frames >= 0, "maxFrames: expected 0 or more, got ",
         max_frames.value_or(0), ".");
  expect(max_frames || reverse || options_.frame_count > 0,
         "maxFrames: needed where the number of frames is unknown.");
  std::vector<int64_t> frames;
  if (reverse) {
    // The reference yields nothing in reverse from frame 0.
    if (begin == 0) return frames;
    const int64_t end = max_frames ? std::max<int64_t>(begin - *max_frames, 0) : 0;
    for (int64_t frame = begin; frame >= end; --frame) frames.push_back(frame);
    return frames;
  }
  const int64_t last = options_.frame_count > 0 ? options_.frame_count - 1 : INT64_MAX;
  const int64_t end = max_frames ? std::min(last, begin + *max_frames) : last;
  for (int64_t frame = begin; frame <= end; ++frame) frames.push_back(frame);
  return frames;
}

bool VideoPredictor::needs_features(int64_t frame) const {
  std::lock_guard lock(mutex_);
  return std::ranges::any_of(objects_, [&](const ObjectPtr& object) {
    return !object->bank.conditioning.contains(frame);
  });
}

void VideoPredictor::move_far_outputs(Context& context, int64_t frame) {
  const int64_t near = kReachesOnDevice * limits().reach();
  for (const ObjectPtr& object : objects_) {
    for (auto& [at, output] : object->bank.tracked) {
      if (std::abs(at - frame) <= near || context.at_hand(output->low_res)) continue;
      auto moved = std::make_shared<FrameOutput>(*output);
      moved->low_res = context.to_host(output->low_res);
      if (output->memory) moved->memory = context.to_host(output->memory);
      std::lock_guard lock(mutex_);
      output = std::move(moved);
    }
  }
}

FrameMasks VideoPredictor::track(Context& context, int64_t frame, ImageFeatures* features,
                                 bool reverse, bool logits) {
  check_frame(frame);
  expect(!objects_.empty(), "There is nothing to propagate: no object has a prompt.");
  std::vector<ObjectPtr> open;
  for (const ObjectPtr& object : objects_)
    if (!object->bank.conditioning.contains(frame)) open.push_back(object);
  std::vector<FrameOutputPtr> computed;
  if (!open.empty()) {
    expect(features != nullptr, "features: frame ", frame, " needs its image features.");
    check_features(*features);
    std::vector<std::string> labels;
    for (const ObjectPtr& object : open) labels.push_back(label_of(frame, object->id));
    const MemoryBatch memories = remember(context, open, frame, reverse);
    computed = outputs_of(
        model_->step().track(context, *features, memories, options_.fill_hole_area, labels));
  }
  std::vector<FrameOutputPtr> outputs;
  {
    std::lock_guard lock(mutex_);
    for (size_t i = 0; i < open.size(); ++i) open[i]->bank.tracked[frame] = computed[i];
    for (const ObjectPtr& object : objects_) {
      object->passed[frame] = reverse;
      if (auto kept = object->bank.conditioning.find(frame)) {
        outputs.push_back(std::move(kept));
        if (options_.clear_memory_around_input) drop_around(*object, frame);
      } else {
        outputs.push_back(object->bank.tracked.at(frame));
      }
    }
    // A live stream must not grow.
    const int64_t reach = limits().reach();
    if (options_.frame_count == 0) forget_locked(frame - reach, frame + reach);
  }
  FrameMasks masks = render(context, frame, outputs, logits);
  // Behind the frame's end: this waits, if it finds something.
  move_far_outputs(context, frame);
  return masks;
}

}  // namespace vmolmo::sam2
