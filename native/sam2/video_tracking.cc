// Prompted frames enter memory; passes over the clip.

#include <algorithm>

#include "native/ops/copy.h"
#include "native/ops/elementwise.h"
#include "native/ops/mask.h"
#include "native/sam2/checks.h"
#include "native/sam2/video_predictor.h"

namespace vmolmo::sam2 {
namespace {

constexpr float kHoleValue = 0.1f;

// Object `index` of a batch.
void tap_output(Context& context, const HeadResult& result, int64_t index,
                const FrameOutput& output, const std::string& label) {
  const int64_t side = output.low_res.dim(0);
  context.tap(label + "iou", result.candidate_ious.slice(0, index, index + 1));
  context.tap(label + "low_res_raw", result.low_res[index].reshape({1, 1, side, side}));
  context.tap(label + "low_res", output.low_res.reshape({1, 1, side, side}));
  context.tap(label + "obj_ptr", output.pointer.reshape({1, output.pointer.dim(0)}));
  context.tap(label + "object_score", output.score.reshape({1, 1}));
}

}  // namespace

Tensor VideoPredictor::conditioned(Context& context, ImageFeatures& features,
                                   const std::vector<ObjectPtr>& objects, int64_t frame,
                                   bool reverse) const {
  const BankLimits bank = limits();
  const int64_t channels = model_->config().memory_encoder.channels;
  std::vector<MemorySequence> sequences;
  std::vector<std::string> labels;
  for (const ObjectPtr& object : objects) {
    const MemorySelection selection = select_memory(object->bank, frame, reverse, bank);
    expect(!selection.memories.empty(), "Object ", object->id,
           " has no committed prompt to be tracked from.");
    sequences.push_back(model_->assembler().assemble(context, selection, bank.pointer_frames));
    if (!context.recording()) continue;
    const MemorySequence& sequence = sequences.back();
    const std::string label = label_of(frame, object->id);
    labels.push_back(label);
    const int64_t tokens = sequence.memory.dim(0);
    const Shape shape{tokens, 1, channels};
    context.tap(label + "memattn.memory", sequence.memory.reshape(shape));
    context.tap(label + "memattn.memory_pos",
                ops::add(context, sequence.placed, sequence.memory, -1.0f).reshape(shape));
    const std::vector<int32_t> counts{static_cast<int32_t>(tokens),
                                      static_cast<int32_t>(sequence.pointer_tokens)};
    context.tap(label + "memattn.n_tokens", Tensor::from(counts, {2}));
  }
  const Tensor image = model_->memory_attention().forward(context, features, sequences, labels);
  for (size_t i = 0; i < labels.size(); ++i) {
    const Tensor one = image[static_cast<int64_t>(i)];
    context.tap(labels[i] + "memattn.out", one.reshape({one.dim(0), 1, one.dim(1)}));
  }
  return image;
}

std::vector<std::shared_ptr<FrameOutput>> VideoPredictor::finish(
    Context& context, const HeadResult& result, const std::vector<std::string>& labels) const {
  // Outputs outlive the call, so they must not hold on to larger tensors that they are views of.
  // The objects of one frame share their tensors: they come and mostly go together.
  Tensor low_res = context.keep(result.low_res);
  const Tensor pointers = context.keep(result.pointers);
  const Tensor scores = context.keep(result.scores), ious = context.keep(result.ious);
  if (options_.fill_hole_area > 0)
    ops::fill_holes_inplace(context, low_res, options_.fill_hole_area, 0.0f, kHoleValue);
  std::vector<std::shared_ptr<FrameOutput>> outputs;
  for (int64_t b = 0; b < low_res.dim(0); ++b) {
    auto output = std::make_shared<FrameOutput>();
    output->low_res = low_res[b];
    output->pointer = pointers[b];
    output->score = scores.slice(0, b, b + 1);
    output->iou = ious.slice(0, b, b + 1);
    if (context.recording())
      tap_output(context, result, b, *output, labels[static_cast<size_t>(b)]);
    outputs.push_back(std::move(output));
  }
  return outputs;
}

Tensor VideoPredictor::encode_memory(Context& context, ImageFeatures& features,
                                     const MemoryEncoder::Request& request,
                                     const std::vector<std::string>& labels) const {
  const Tensor memory = model_->memory_encoder().encode(context, features, request);
  const int64_t grid = model_->config().grid();
  for (int64_t b = 0; context.recording() && b < memory.dim(0); ++b)
    tap_nchw(context, labels[static_cast<size_t>(b)] + "maskmem",
             memory[b].reshape({1, grid, grid, memory.dim(2)}));
  return context.keep(ops::narrowed(context, memory));
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
  request.logits = joined(context, masks);
  request.scores = joined(context, scores);
  request.binarize = options_.binarize_mask_from_points;
  const Tensor memory = encode_memory(context, features, request, labels);
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

std::vector<std::shared_ptr<FrameOutput>> VideoPredictor::step(
    Context& context, int64_t frame, ImageFeatures& features, const std::vector<ObjectPtr>& objects,
    bool reverse) const {
  const auto batch = static_cast<int64_t>(objects.size());
  std::vector<std::string> labels;
  for (const ObjectPtr& object : objects) labels.push_back(label_of(frame, object->id));
  HeadRequest request;
  request.image = conditioned(context, features, objects, frame, reverse);
  // Without a prompt the reference feeds one padding point, beside the one that is always there.
  const ModelPoint none{0.0f, 0.0f, -1};
  const Tensor sparse = model_->prompts().sparse(context, {&none, 1});
  const Tensor one = sparse.reshape({1, sparse.dim(0), sparse.dim(1)});
  request.sparse = joined(context, std::vector<Tensor>(objects.size(), one));
  const HeadResult result = model_->heads().run(context, request, features);
  auto outputs = finish(context, result, labels);
  // Memory is made from the masks before hole filling.
  const Tensor memory =
      encode_memory(context, features, {result.low_res, result.scores, true, false}, labels);
  for (int64_t b = 0; b < batch; ++b) outputs[static_cast<size_t>(b)]->memory = memory[b];
  return outputs;
}

FrameMasks VideoPredictor::track(Context& context, int64_t frame, ImageFeatures* features,
                                 bool reverse, const CallOptions& call) {
  check_frame(frame);
  expect(!objects_.empty(), "There is nothing to propagate: no object has a prompt.");
  std::vector<ObjectPtr> open;
  for (const ObjectPtr& object : objects_)
    if (!object->bank.conditioning.contains(frame)) open.push_back(object);
  std::vector<std::shared_ptr<FrameOutput>> computed;
  if (!open.empty()) {
    expect(features != nullptr, "features: frame ", frame, " needs its image features.");
    check_features(*features);
    computed = step(context, frame, *features, open, reverse);
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
  return render(context, frame, outputs, call);
}

}  // namespace vmolmo::sam2
