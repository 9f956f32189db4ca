#include "native/sam2/video_predictor.h"

#include <algorithm>

#include "native/ops/copy.h"
#include "native/ops/elementwise.h"
#include "native/ops/mask.h"
#include "native/ops/resize.h"

namespace vmolmo::sam2 {
namespace {

constexpr float kFedBackLimit = 32.0f;
constexpr float kHoleValue = 0.1f;
constexpr float kOverlapLogit = -10.0f;

template <typename... Parts>
void expect(bool condition, Parts&&... parts) {
  require(condition, Code::kInvalidArgument, std::forward<Parts>(parts)...);
}

std::string label_of(int64_t frame, int64_t object) {
  return concat("f", frame, ".o", object, ".");
}

}  // namespace

void apply_non_overlap(Context& context, Tensor& logits) {
  ops::suppress_overlap_inplace(context, logits, kOverlapLogit);
}

VideoPredictor::VideoPredictor(std::shared_ptr<const Model> model, const VideoOptions& options)
    : model_(std::move(model)), options_(options) {
  expect(options.width > 0 && options.height > 0, "width, height: expected positive numbers, got ",
         options.width, " x ", options.height, ".");
  expect(options.frame_count >= 0, "frameCount: expected 0 (unknown) or more, got ",
         options.frame_count, ".");
  expect(options.memory_stride >= 1, "memoryStride: expected 1 or more, got ",
         options.memory_stride, ".");
  expect(options.max_conditioning_frames == 0 || options.max_conditioning_frames == -1 ||
             options.max_conditioning_frames >= 2,
         "maxConditioningFrames: expected -1 (no limit) or at least 2, got ",
         options.max_conditioning_frames, ".");
  expect(options.fill_hole_area >= 0, "fillHoleArea: expected 0 or more, got ",
         options.fill_hole_area, ".");
}

// --- objects and frames
// ------------------------------------------------------------------------------

VideoPredictor::ObjectPtr VideoPredictor::find(int64_t id) const {
  const auto at = std::ranges::find(objects_, id, &Object::id);
  return at == objects_.end() ? nullptr : *at;
}

VideoPredictor::ObjectPtr VideoPredictor::require_object(int64_t id) const {
  ObjectPtr object = find(id);
  expect(object != nullptr, "objectId: there is no object ", id, " in this session.");
  return object;
}

std::vector<int64_t> VideoPredictor::object_ids() const {
  std::lock_guard lock(mutex_);
  return ids();
}

void VideoPredictor::reset() {
  std::lock_guard lock(mutex_);
  objects_.clear();
}

std::vector<int64_t> VideoPredictor::ids() const {
  std::vector<int64_t> ids;
  for (const ObjectPtr& object : objects_) ids.push_back(object->id);
  return ids;
}

void VideoPredictor::check_frame(int64_t frame) const {
  expect(frame >= 0 && (options_.frame_count == 0 || frame < options_.frame_count),
         "frameIndex: expected 0 .. ",
         options_.frame_count == 0 ? std::string("any") : concat(options_.frame_count - 1),
         ", got ", frame, ".");
}

void VideoPredictor::check_features(const ImageFeatures& features) const {
  model_->check_features(features);
  expect(features.width == options_.width && features.height == options_.height,
         "features: expected those of a frame of ", options_.width, " x ", options_.height,
         ", got ", features.width, " x ", features.height, ".");
}

BankLimits VideoPredictor::limits() const {
  const Sam2Config& config = model_->config();
  BankLimits limits;
  limits.memory_frames = config.max_memory_frames;
  limits.stride = options_.memory_stride;
  limits.max_conditioning = options_.max_conditioning_frames != 0 ? options_.max_conditioning_frames
                                                                  : config.max_conditioning_frames;
  limits.pointer_frames = options_.frame_count == 0
                              ? config.max_object_pointers
                              : std::min(options_.frame_count, config.max_object_pointers);
  return limits;
}

VideoPredictor::PromptPlace VideoPredictor::place_of(const Object& object, int64_t frame) const {
  PromptPlace place;
  const auto passed = object.passed.find(frame);
  place.initial = passed == object.passed.end();
  place.reverse = !place.initial && passed->second;
  // Where a correction does not become a conditioning frame, the next pass over it recomputes it.
  place.conditioning =
      place.initial || options_.add_all_frames_to_correct_as_cond || options_.keep_corrections;
  return place;
}

FrameOutputPtr VideoPredictor::latest(const Object& object, int64_t frame,
                                      bool conditioning) const {
  const OutputTable& pending = conditioning ? object.pending_conditioning : object.pending_tracked;
  if (auto output = pending.find(frame)) return output;
  if (auto output = object.bank.conditioning.find(frame)) return output;
  const auto tracked = object.bank.tracked.find(frame);
  return tracked == object.bank.tracked.end() ? nullptr : tracked->second;
}

// --- one step
// ----------------------------------------------------------------------------------------

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

std::shared_ptr<FrameOutput> VideoPredictor::finish(Context& context, const HeadResult& result,
                                                    const std::string& label) const {
  auto output = std::make_shared<FrameOutput>();
  // Outputs outlive the call, so they must not hold on to larger tensors that they are views of.
  output->low_res = context.keep(result.low_res);
  output->pointer = context.keep(result.pointer);
  output->absent = result.absent;
  output->score = result.score;
  output->iou = result.iou;
  if (options_.fill_hole_area > 0)
    ops::fill_holes_inplace(context, output->low_res, options_.fill_hole_area, 0.0f, kHoleValue);
  if (context.recording()) {
    const int64_t side = output->low_res.dim(0);
    const auto candidates = static_cast<int64_t>(result.candidate_ious.size());
    context.tap(label + "iou", Tensor::from(result.candidate_ious, {1, candidates}));
    context.tap(label + "low_res_raw", result.low_res.reshape({1, 1, side, side}));
    context.tap(label + "low_res", output->low_res.reshape({1, 1, side, side}));
    context.tap(label + "obj_ptr", output->pointer.reshape({1, output->pointer.dim(0)}));
    context.tap(label + "object_score", Tensor::from(std::vector<float>{result.score}, {1, 1}));
  }
  return output;
}

Tensor VideoPredictor::encode_memory(Context& context, ImageFeatures& features,
                                     const MemoryEncoder::Request& request,
                                     const std::string& label) const {
  const Tensor memory = model_->memory_encoder().encode(context, features, request);
  if (context.recording()) {
    const int64_t grid = model_->config().grid();
    tap_nchw(context, label + "maskmem", memory.reshape({1, grid, grid, memory.dim(1)}));
  }
  return context.keep(ops::narrowed(context, memory));
}

void VideoPredictor::store_pending(const ObjectPtr& object, int64_t frame, bool conditioning,
                                   FrameOutputPtr output) {
  if (!find(object->id)) objects_.push_back(object);
  (conditioning ? object->pending_conditioning : object->pending_tracked)
      .set(frame, std::move(output));
}

// --- prompts
// -----------------------------------------------------------------------------------------

FrameMasks VideoPredictor::add_points(Context& context, int64_t frame, ImageFeatures& features,
                                      int64_t id, const PointPrompt& prompt, bool clear_old,
                                      const CallOptions& call) {
  check_frame(frame);
  check_features(features);
  expect(!prompt.box || clear_old,
         "box: a box starts a frame's prompt over, so it needs "
         "clearOldPoints = true.");
  std::vector<ModelPoint> points = model_->place_prompt(prompt, options_.width, options_.height);
  expect(!points.empty(), "prompt: expected points or a box, got neither.");
  ObjectPtr object = find(id);
  if (!object) {
    object = std::make_shared<Object>();
    object->id = id;
  }
  const auto earlier = object->points.find(frame);
  if (!clear_old && earlier != object->points.end())
    points.insert(points.begin(), earlier->second.begin(), earlier->second.end());

  const PromptPlace place = place_of(*object, frame);
  const int64_t side = model_->config().mask_side();
  HeadRequest request;
  const Tensor image = place.initial
                           ? model_->image_embedding(context, features)
                           : conditioned(context, features, {object}, frame, place.reverse)[0];
  request.image = image.reshape({1, image.dim(0), image.dim(1)});
  const Tensor sparse = model_->prompts().sparse(context, points);
  request.sparse = sparse.reshape({1, sparse.dim(0), sparse.dim(1)});
  request.multimask = points.size() <= 1;
  if (const FrameOutputPtr previous = latest(*object, frame, place.conditioning)) {
    const Tensor logits = ops::clamp(context, previous->low_res, -kFedBackLimit, kFedBackLimit);
    request.dense = model_->prompts().dense(context, logits.reshape({1, side, side}));
  }
  const HeadResult result = model_->heads().run(context, request, features)[0];
  auto output = finish(context, result, label_of(frame, id));

  {
    std::lock_guard lock(mutex_);
    object->points[frame] = std::move(points);
    object->masks.erase(frame);
    store_pending(object, frame, place.conditioning, std::move(output));
  }
  return collect(context, frame, place.conditioning, call);
}

FrameMasks VideoPredictor::add_mask(Context& context, int64_t frame, ImageFeatures& features,
                                    int64_t id, const Tensor& mask, const CallOptions& call) {
  check_frame(frame);
  check_features(features);
  ObjectPtr object = find(id);
  if (!object) {
    object = std::make_shared<Object>();
    object->id = id;
  }
  const PromptPlace place = place_of(*object, frame);
  const Tensor square = place_mask(context, mask, model_->config().image_size);
  const HeadResult result = model_->heads().mask_as_output(context, square, features);
  auto output = finish(context, result, label_of(frame, id));

  {
    std::lock_guard lock(mutex_);
    object->masks.insert(frame);
    object->points.erase(frame);
    store_pending(object, frame, place.conditioning, std::move(output));
  }
  return collect(context, frame, place.conditioning, call);
}

bool VideoPredictor::any_pending_conditioning(int64_t frame) const {
  return std::ranges::any_of(objects_, [&](const ObjectPtr& object) {
    return object->pending_conditioning.contains(frame);
  });
}

// A conditioning output stays as a tracked one, and the next prompt on the frame counts as the
// first.
void VideoPredictor::erase_prompts(Object& object, int64_t frame) {
  object.points.erase(frame);
  object.masks.erase(frame);
  object.pending_conditioning.take(frame);
  object.pending_tracked.take(frame);
  if (FrameOutputPtr output = object.bank.conditioning.take(frame)) {
    object.bank.tracked[frame] = std::move(output);
    object.passed.erase(frame);
  }
}

FrameMasks VideoPredictor::clear_prompts(Context& context, int64_t frame, int64_t id,
                                         const CallOptions& call) {
  check_frame(frame);
  const ObjectPtr object = require_object(id);
  {
    std::lock_guard lock(mutex_);
    erase_prompts(*object, frame);
  }
  return collect(context, frame, any_pending_conditioning(frame), call);
}

std::vector<FrameMasks> VideoPredictor::remove_object(Context& context, int64_t id, bool strict,
                                                      const CallOptions& call) {
  const ObjectPtr object = find(id);
  if (!object) {
    expect(!strict, "objectId: there is no object ", id, " in this session.");
    return {};
  }
  std::set<int64_t> frames = object->masks;
  for (const auto& [frame, points] : object->points) frames.insert(frame);
  {
    std::lock_guard lock(mutex_);
    std::erase(objects_, object);
  }
  std::vector<FrameMasks> results;
  if (objects_.empty()) return results;
  for (const int64_t frame : frames)
    results.push_back(collect(context, frame, any_pending_conditioning(frame), call));
  return results;
}

// --- propagation
// -------------------------------------------------------------------------------------

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
  struct Committed {
    ObjectPtr object;
    bool conditioning;
    FrameOutputPtr output;
  };
  std::vector<Committed> done;
  for (const ObjectPtr& object : objects_) {
    for (const bool conditioning : {false, true}) {
      const FrameOutputPtr pending =
          (conditioning ? object->pending_conditioning : object->pending_tracked).find(frame);
      if (!pending) continue;
      context.check_cancelled();
      auto output = std::make_shared<FrameOutput>(*pending);
      output->memory = encode_memory(
          context, features,
          {pending->low_res, pending->score, pending->absent, options_.binarize_mask_from_points},
          "preflight." + label_of(frame, object->id));
      done.push_back({object, conditioning, std::move(output)});
    }
  }
  std::lock_guard lock(mutex_);
  for (Committed& entry : done) {
    Object& object = *entry.object;
    if (entry.conditioning) {
      object.pending_conditioning.take(frame);
      object.bank.conditioning.set(frame, std::move(entry.output));
    } else {
      object.pending_tracked.take(frame);
      object.bank.tracked[frame] = std::move(entry.output);
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
    const auto batch = static_cast<int64_t>(open.size());
    HeadRequest request;
    request.image = conditioned(context, *features, open, frame, reverse);
    // Without a prompt the reference feeds one padding point, beside the one that is always there.
    const ModelPoint none{0.0f, 0.0f, -1};
    const Tensor sparse = model_->prompts().sparse(context, {&none, 1});
    const Tensor one = sparse.reshape({1, sparse.dim(0), sparse.dim(1)});
    request.sparse = ops::concat(context, std::vector<Tensor>(static_cast<size_t>(batch), one), 0);
    const std::vector<HeadResult> results = model_->heads().run(context, request, *features);
    for (size_t i = 0; i < open.size(); ++i) {
      context.check_cancelled();
      const std::string label = label_of(frame, open[i]->id);
      auto output = finish(context, results[i], label);
      // Memory is made from the mask before hole filling.
      output->memory =
          encode_memory(context, *features,
                        {results[i].low_res, results[i].score, results[i].absent, false}, label);
      computed.push_back(std::move(output));
    }
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

void VideoPredictor::forget(int64_t first, int64_t last) {
  std::lock_guard lock(mutex_);
  forget_locked(first, last);
}

void VideoPredictor::forget_locked(int64_t first, int64_t last) {
  const auto outside = [&](const auto& entry) { return entry.first < first || entry.first > last; };
  for (const ObjectPtr& object : objects_) {
    std::erase_if(object->bank.tracked, outside);
    std::erase_if(object->passed, [&](const auto& entry) {
      return outside(entry) && !object->bank.conditioning.contains(entry.first);
    });
  }
}

// --- results
// -----------------------------------------------------------------------------------------

FrameMasks VideoPredictor::collect(Context& context, int64_t frame, bool conditioning,
                                   const CallOptions& call) const {
  std::vector<FrameOutputPtr> outputs;
  for (const ObjectPtr& object : objects_) outputs.push_back(latest(*object, frame, conditioning));
  return render(context, frame, outputs, call);
}

FrameMasks VideoPredictor::render(Context& context, int64_t frame,
                                  const std::vector<FrameOutputPtr>& outputs,
                                  const CallOptions& call) const {
  const auto count = static_cast<int64_t>(outputs.size());
  const int64_t side = model_->config().mask_side();
  FrameMasks result;
  result.frame = frame;
  result.object_ids = ids();
  Tensor low_res = context.empty({count, side, side});
  for (int64_t i = 0; i < count; ++i) {
    const FrameOutputPtr& output = outputs[static_cast<size_t>(i)];
    Tensor low = low_res[i];
    if (output) {
      ops::copy_into(context, output->low_res, low);
    } else {
      ops::fill_inplace(context, low, kAbsentLogit);
    }
    result.ious.push_back(output ? output->iou : 0.0f);
    result.object_scores.push_back(output ? output->score : kAbsentLogit);
  }
  const Shape size{count, options_.height, options_.width};
  if (count == 0) {
    result.low_res = Tensor::empty(cpu_heap(), low_res.shape());
    result.masks = Tensor::empty(cpu_heap(), size, DType::kU8);
    if (call.logits) result.logits = Tensor::empty(cpu_heap(), size);
    return result;
  }
  Tensor logits = ops::resize_bilinear(context, low_res.reshape({count, side, side, 1}),
                                       options_.height, options_.width)
                      .reshape(size);
  if (options_.non_overlap_masks) apply_non_overlap(context, logits);
  result.low_res = context.to_host(low_res);
  result.masks = context.to_host(ops::threshold(context, logits, 0.0f));
  if (call.logits) result.logits = context.to_host(logits);
  return result;
}

}  // namespace vmolmo::sam2
