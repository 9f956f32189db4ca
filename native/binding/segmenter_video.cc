#include <algorithm>

#include "native/binding/cancel.h"
#include "native/binding/segmenter.h"

namespace vmolmo::binding {
namespace {

constexpr int64_t kMaxFrame = int64_t{1} << 40;
constexpr int64_t kMaxSide = 32768;

int64_t frame_of(const Argument& argument) { return argument.integer_in(0, kMaxFrame); }

Napi::Array to_array(Napi::Env env, const std::vector<int64_t>& values) {
  auto array = Napi::Array::New(env, values.size());
  for (size_t i = 0; i < values.size(); ++i)
    array.Set(static_cast<uint32_t>(i), static_cast<double>(values[i]));
  return array;
}

Napi::Object frame_to_js(Napi::Env env, const FrameMasks& frame, const StageTimes& times,
                         const std::shared_ptr<Trace>& trace, bool logits) {
  Napi::Object object = outcome(env, times, trace);
  auto masks = Napi::Array::New(env);
  for (int64_t i = 0; i < frame.masks.dim(0); ++i)
    masks.Set(masks.Length(), to_js(env, frame.masks[i]).Get("data"));
  object.Set("frameIndex", static_cast<double>(frame.frame));
  object.Set("objectIds", to_array(env, frame.object_ids));
  object.Set("masks", masks);
  object.Set("ious", to_js(env, std::vector<float>(frame.ious)));
  object.Set("objectScores", to_js(env, std::vector<float>(frame.object_scores)));
  if (logits) {
    object.Set("logits", to_js(env, frame.logits).Get("data"));
    object.Set("lowResLogits", to_js(env, frame.low_res).Get("data"));
  }
  return object;
}

// A change of the session that waits for the calls before it.
class Postponed : public SlotBase {
 public:
  explicit Postponed(std::function<void()> body) : body_(std::move(body)) {}
  void release() override { body_(); }

 private:
  std::function<void()> body_;
};

}  // namespace

VideoOptions read_video_options(const Argument& given) {
  VideoOptions options;
  options.width = given["width"].integer_in(1, kMaxSide);
  options.height = given["height"].integer_in(1, kMaxSide);
  options.frame_count = given["frameCount"].integer_in(0, kMaxFrame);
  options.fill_hole_area = given["fillHoleArea"].integer_or(options.fill_hole_area);
  options.non_overlap_masks = given["nonOverlapMasks"].boolean_or(options.non_overlap_masks);
  options.binarize_mask_from_points =
      given["binarizeMaskFromPoints"].boolean_or(options.binarize_mask_from_points);
  options.add_all_frames_to_correct_as_cond =
      given["addAllFramesToCorrectAsCond"].boolean_or(options.add_all_frames_to_correct_as_cond);
  options.clear_memory_around_input =
      given["clearMemoryAroundInput"].boolean_or(options.clear_memory_around_input);
  options.memory_stride = given["memoryStride"].integer_or(options.memory_stride);
  options.max_conditioning_frames =
      given["maxConditioningFrames"].integer_or(options.max_conditioning_frames);
  options.keep_corrections = given["keepCorrections"].boolean_or(options.keep_corrections);
  return options;
}

std::vector<VideoHandle::PropertyDescriptor> VideoHandle::properties() {
  return {InstanceMethod<&VideoHandle::add_points>("addPoints"),
          InstanceMethod<&VideoHandle::add_mask>("addMask"),
          InstanceMethod<&VideoHandle::clear_prompts>("clearPromptsInFrame"),
          InstanceMethod<&VideoHandle::remove_object>("removeObject"),
          InstanceMethod<&VideoHandle::prompted_frames>("promptedFrames"),
          InstanceMethod<&VideoHandle::commit>("commit"),
          InstanceMethod<&VideoHandle::plan>("planPropagation"),
          InstanceMethod<&VideoHandle::track>("track"),
          InstanceMethod<&VideoHandle::needs_features>("needsFeatures"),
          InstanceMethod<&VideoHandle::forget>("forget"),
          InstanceMethod<&VideoHandle::object_ids>("objectIds"),
          InstanceMethod<&VideoHandle::reset>("reset"),
          InstanceMethod<&VideoHandle::dispose>("dispose")};
}

std::shared_ptr<SegmenterVideo> VideoHandle::session() {
  state().engine->check_alive();
  return state().video->get();
}

Napi::Value VideoHandle::run(Napi::Env env, const Argument& options, Loans loans, Call call,
                             Reply reply) {
  const auto trace = Trace::when(options["trace"].boolean_or(false));
  const bool logits = options["logits"].boolean_or(false);
  Job job;
  job.cancel = cancel_flag(options["cancel"]);
  job.loans = std::move(loans);
  // Counted down wherever the job goes, also when it never runs.
  state().under_way->fetch_add(1);
  const std::shared_ptr<void> counted(
      nullptr, [under_way = state().under_way](void*) { under_way->fetch_sub(1); });
  job.work = [model = state().model, video = state().video, call = std::move(call), trace, logits,
              reply, counted, cancel = job.cancel]() -> Finish {
    const auto held = model->get();
    const auto session = video->get();
    VideoCall how;
    how.cancel = cancel;
    how.recorder = trace.get();
    how.logits = logits;
    const auto frames = std::make_shared<std::vector<FrameMasks>>(call(*session, how));
    return [frames, times = held->times(), trace, logits, reply](Napi::Env js) -> Napi::Value {
      if (reply == Reply::kOutcome) return outcome(js, times, trace);
      auto array = Napi::Array::New(js);
      for (const FrameMasks& frame : *frames)
        array.Set(array.Length(), frame_to_js(js, frame, times, trace, logits));
      if (reply == Reply::kFrames) return array;
      return array.Get(0u);
    };
  };
  return state().engine->submit(env, std::move(job));
}

void VideoHandle::change(std::function<void(SegmenterVideo&)> body) {
  const auto video = session();
  if (state().under_way->load() == 0) return body(*video);
  state().engine->release_later(
      std::make_shared<Postponed>([video, body = std::move(body)] { body(*video); }));
}

Napi::Value VideoHandle::add_points(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const int64_t frame = frame_of(argument(info, 0, "frameIndex"));
    const auto features = features_of(argument(info, 1, "features"), *state().engine);
    const int64_t object = argument(info, 2, "objectId").integer();
    const Argument given = argument(info, 3, "prompt");
    const PointPrompt prompt = read_point_prompt(given);
    const bool clear_old = given["clearOldPoints"].boolean_or(true);
    const Argument options = argument(info, 4, "options");
    return run(info.Env(), options, {},
               [=](SegmenterVideo& video, const VideoCall& call) -> std::vector<FrameMasks> {
                 return {video.add_points(frame, features->get(), object, prompt, clear_old, call)};
               });
  });
}

Napi::Value VideoHandle::add_mask(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const int64_t frame = frame_of(argument(info, 0, "frameIndex"));
    const auto features = features_of(argument(info, 1, "features"), *state().engine);
    const int64_t object = argument(info, 2, "objectId").integer();
    Loans loans;
    const MaskView view = borrow_mask(argument(info, 3, "mask"), loans);
    const Tensor mask = Tensor::borrow(view.data, {view.height, view.width}, DType::kU8);
    const Argument options = argument(info, 4, "options");
    return run(info.Env(), options, std::move(loans),
               [=](SegmenterVideo& video, const VideoCall& call) -> std::vector<FrameMasks> {
                 return {video.add_mask(frame, features->get(), object, mask, call)};
               });
  });
}

Napi::Value VideoHandle::clear_prompts(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const int64_t frame = frame_of(argument(info, 0, "frameIndex"));
    const int64_t object = argument(info, 1, "objectId").integer();
    const Argument options = argument(info, 2, "options");
    return run(info.Env(), options, {},
               [=](SegmenterVideo& video, const VideoCall& call) -> std::vector<FrameMasks> {
                 return {video.clear_prompts(frame, object, call)};
               });
  });
}

Napi::Value VideoHandle::remove_object(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const int64_t object = argument(info, 0, "objectId").integer();
    const Argument options = argument(info, 1, "options");
    const bool strict = options["strict"].boolean_or(false);
    return run(
        info.Env(), options, {},
        [=](SegmenterVideo& video, const VideoCall& call) {
          return video.remove_object(object, strict, call);
        },
        Reply::kFrames);
  });
}

Napi::Value VideoHandle::prompted_frames(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    return to_array(info.Env(), session()->prompted_frames());
  });
}

Napi::Value VideoHandle::commit(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const int64_t frame = frame_of(argument(info, 0, "frameIndex"));
    const auto features = features_of(argument(info, 1, "features"), *state().engine);
    const Argument options = argument(info, 2, "options");
    return run(
        info.Env(), options, {},
        [=](SegmenterVideo& video, const VideoCall& call) -> std::vector<FrameMasks> {
          video.commit(frame, features->get(), call);
          return {};
        },
        Reply::kOutcome);
  });
}

Napi::Value VideoHandle::plan(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const Argument options = argument(info, 0, "options");
    std::optional<int64_t> start, most;
    if (options["startFrame"].present()) start = frame_of(options["startFrame"]);
    if (options["maxFrames"].present()) most = options["maxFrames"].integer_in(0, 1 << 24);
    return to_array(info.Env(), session()->plan(start, most, options["reverse"].boolean_or(false)));
  });
}

Napi::Value VideoHandle::track(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const int64_t frame = frame_of(argument(info, 0, "frameIndex"));
    const Argument given = argument(info, 1, "features");
    std::shared_ptr<Slot<FrameFeatures>> features;
    if (given.present()) features = features_of(given, *state().engine);
    const Argument options = argument(info, 2, "options");
    const bool reverse = options["reverse"].boolean_or(false);
    return run(info.Env(), options, {},
               [=](SegmenterVideo& video, const VideoCall& call) -> std::vector<FrameMasks> {
                 const auto held = features ? features->get() : nullptr;
                 return {video.track(frame, held, reverse, call)};
               });
  });
}

Napi::Value VideoHandle::needs_features(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const int64_t frame = frame_of(argument(info, 0, "frameIndex"));
    return Napi::Boolean::New(info.Env(), session()->needs_features(frame));
  });
}

Napi::Value VideoHandle::forget(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const int64_t first = argument(info, 0, "first").integer();
    const int64_t last = argument(info, 1, "last").integer();
    change([=](SegmenterVideo& video) { video.forget(first, last); });
    return info.Env().Undefined();
  });
}

Napi::Value VideoHandle::object_ids(const Napi::CallbackInfo& info) {
  return guarded(info.Env(),
                 [&]() -> Napi::Value { return to_array(info.Env(), session()->object_ids()); });
}

Napi::Value VideoHandle::reset(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    change([](SegmenterVideo& video) { video.reset(); });
    return info.Env().Undefined();
  });
}

Napi::Value VideoHandle::dispose(const Napi::CallbackInfo& info) {
  state().engine->release_later(state().video);
  return info.Env().Undefined();
}

}  // namespace vmolmo::binding
