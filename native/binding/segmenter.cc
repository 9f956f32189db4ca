#include "native/binding/segmenter.h"

#include "native/binding/cancel.h"
#include "native/binding/memory_use.h"
#include "native/binding/numbers.h"
#include "native/binding/registry.h"
#include "native/binding/weights.h"

namespace vmolmo::binding {

// --- image features
// ----------------------------------------------------------------------------------

std::vector<FeaturesHandle::PropertyDescriptor> FeaturesHandle::properties() {
  return {InstanceAccessor<&FeaturesHandle::width>("width"),
          InstanceAccessor<&FeaturesHandle::height>("height"),
          InstanceMethod<&FeaturesHandle::dispose>("dispose")};
}

Napi::Value FeaturesHandle::width(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(state().width));
}

Napi::Value FeaturesHandle::height(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(state().height));
}

Napi::Value FeaturesHandle::dispose(const Napi::CallbackInfo& info) {
  state().engine->release_later(state().features);
  return info.Env().Undefined();
}

std::shared_ptr<Slot<FrameFeatures>> features_of(const Argument& argument,
                                                 const EngineThread& engine) {
  FeaturesState& state = unwrap<FeaturesHandle>(argument).state();
  require(state.engine.get() == &engine, Code::kInvalidArgument, argument.name(),
          " must come from the same model, but another one made them.");
  return state.features;
}

PointPrompt read_point_prompt(const Argument& argument) {
  PointPrompt prompt;
  if (argument["points"].present()) prompt.points = copy_of<float>(argument["points"]);
  if (argument["labels"].present()) prompt.labels = copy_of<int32_t>(argument["labels"]);
  if (argument["box"].present()) {
    const std::vector<float> box = copy_of<float>(argument["box"]);
    if (box.size() != 4) argument["box"].reject("four numbers, x0, y0, x1, y1");
    prompt.box = {box[0], box[1], box[2], box[3]};
  }
  prompt.normalized = argument["normalized"].boolean_or(false);
  return prompt;
}

// --- the model
// ---------------------------------------------------------------------------------------

namespace {

std::vector<ImagePrompt> read_prompts(const Argument& argument) {
  std::vector<ImagePrompt> prompts;
  for (const Argument& item : argument.items()) {
    ImagePrompt prompt;
    prompt.points = read_point_prompt(item);
    if (item["maskInput"].present()) prompt.mask_input = copy_of<float>(item["maskInput"]);
    prompts.push_back(std::move(prompt));
  }
  return prompts;
}

SegmentOptions read_segment_options(const Argument& given) {
  constexpr int64_t kMaxArea = int64_t{1} << 32;
  SegmentOptions options;
  options.multimask = given["multimask"].boolean_or(options.multimask);
  options.mask_threshold = static_cast<float>(given["maskThreshold"].number_or(0.0));
  if (given["maxHoleArea"].present())
    options.max_hole_area = given["maxHoleArea"].integer_in(0, kMaxArea);
  if (given["maxSprinkleArea"].present())
    options.max_sprinkle_area = given["maxSprinkleArea"].integer_in(0, kMaxArea);
  options.logits = given["logits"].boolean_or(false);
  return options;
}

Napi::Object masks_to_js(Napi::Env env, const std::vector<ImageMasks>& results,
                         const StageTimes& times, const std::shared_ptr<Trace>& trace) {
  Napi::Object object = outcome(env, times, trace);
  auto masks = Napi::Array::New(env);
  auto low_res = Napi::Array::New(env);
  auto ious = Napi::Array::New(env);
  auto logits = Napi::Array::New(env);
  for (const ImageMasks& result : results) {
    masks.Set(masks.Length(), to_js(env, result.masks).Get("data"));
    low_res.Set(low_res.Length(), to_js(env, result.low_res).Get("data"));
    ious.Set(ious.Length(), to_js(env, std::vector<float>(result.ious)));
    if (result.logits) logits.Set(logits.Length(), to_js(env, result.logits).Get("data"));
  }
  const size_t count = results.empty() ? 0 : results[0].ious.size();
  object.Set("count", static_cast<double>(count));
  object.Set("masks", masks);
  object.Set("lowResLogits", low_res);
  object.Set("ious", ious);
  if (logits.Length() > 0) object.Set("logits", logits);
  return object;
}

}  // namespace

std::vector<SegmenterHandle::PropertyDescriptor> SegmenterHandle::properties() {
  return {InstanceMethod<&SegmenterHandle::info_of>("info"),
          InstanceMethod<&SegmenterHandle::memory>("memory"),
          InstanceMethod<&SegmenterHandle::encode>("encode"),
          InstanceMethod<&SegmenterHandle::segment>("segment"),
          InstanceMethod<&SegmenterHandle::open_video>("openVideo"),
          InstanceMethod<&SegmenterHandle::dispose>("dispose")};
}

Napi::Value SegmenterHandle::info_of(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    state().engine->check_alive();
    const SegmenterInfo model = state().model->get()->info();
    Numbers numbers(info.Env());
    numbers.set("parameters", model.parameters)
        .set("weightBytes", model.weight_bytes)
        .set("workBytes", model.work_bytes)
        .set("objects", model.objects)
        .set("threads", model.threads);
    return numbers.object();
  });
}

Napi::Value SegmenterHandle::memory(const Napi::CallbackInfo& info) {
  return submit_memory_use(info, *state().engine, state().model);
}

Napi::Value submit_encode(Napi::Env env, const SegmenterState& state, const Argument& options,
                          Job job, Encode body) {
  const auto trace = Trace::when(options["trace"].boolean_or(false));
  job.cancel = cancel_flag(options["cancel"]);
  job.work = [engine = state.engine, model = state.model, body = std::move(body), trace,
              cancel = job.cancel]() -> Finish {
    const auto held = model->get();
    const FrameFeaturesPtr encoded = body(*held, {cancel, trace.get()});
    const auto slot = engine->own(encoded, "image features");
    return [engine, slot, width = encoded->width, height = encoded->height, times = held->times(),
            trace](Napi::Env js) -> Napi::Value {
      Napi::Object object = outcome(js, times, trace);
      object.Set("features", make_handle<FeaturesHandle>(js, {engine, slot, width, height}));
      return object;
    };
  };
  return state.engine->submit(env, std::move(job));
}

Napi::Value SegmenterHandle::encode(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const Argument options = argument(info, 1, "options");
    const std::string mode = options["mode"].text_or("video");
    if (mode != "image" && mode != "video") options["mode"].reject("'image' or 'video'");
    const auto resize = mode == "image" ? ResizeMode::kImage : ResizeMode::kVideo;
    Job job;
    const RgbImage image = borrow_image(argument(info, 0, "image"), job.loans);
    return submit_encode(info.Env(), state(), options, std::move(job),
                         [image, resize](Segmenter& held, const CallOptions& call) {
                           return held.encode(image, resize, call);
                         });
  });
}

Napi::Value SegmenterHandle::segment(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const Argument given = argument(info, 2, "options");
    const SegmentOptions options = read_segment_options(given);
    const auto trace = Trace::when(given["trace"].boolean_or(false));
    const auto features = features_of(argument(info, 0, "features"), *state().engine);
    Job job;
    job.cancel = cancel_flag(given["cancel"]);
    job.work = [model = state().model, features, options, trace, cancel = job.cancel,
                prompts = read_prompts(argument(info, 1, "prompts"))]() -> Finish {
      const auto held = model->get();
      const auto results = std::make_shared<std::vector<ImageMasks>>(
          held->segment(features->get(), prompts, options, {cancel, trace.get()}));
      return [results, times = held->times(), trace](Napi::Env env) -> Napi::Value {
        return masks_to_js(env, *results, times, trace);
      };
    };
    return state().engine->submit(info.Env(), std::move(job));
  });
}

Napi::Value SegmenterHandle::open_video(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    state().engine->check_alive();
    const VideoOptions options = read_video_options(argument(info, 0, "options"));
    std::shared_ptr<SegmenterVideo> video = state().model->get()->open_video(options);
    return make_handle<VideoHandle>(
        info.Env(), {state().engine, state().model,
                     state().engine->own(std::move(video), "segmenter's video session")});
  });
}

Napi::Value SegmenterHandle::dispose(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value { return state().engine->dispose(info.Env()); });
}

namespace {

Napi::Value load_segmenter(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const Argument given = argument(info, 0, "options");
    LoadOptions options = read_load_options(given);
    auto engine = EngineThread::create(info.Env(), "segmenter");
    Job job;
    options.cancel = job.cancel = cancel_flag(given["cancel"]);
    job.work = [engine, options, family = given["family"].text(), weights = read_weights(given),
                attributes = read_attributes(given["attributes"])]() -> Finish {
      std::shared_ptr<Segmenter> loaded =
          vmolmo::load_segmenter(family, attributes, weights(*engine), options);
      auto model = engine->own(std::move(loaded), "segmenter");
      return [engine, model](Napi::Env env) -> Napi::Value {
        return make_handle<SegmenterHandle>(env, {engine, model});
      };
    };
    return engine->submit(info.Env(), std::move(job));
  });
}

const Registration registration([](Napi::Env env, Napi::Object exports) {
  define_class<FeaturesHandle>(env);
  define_class<VideoHandle>(env);
  define_class<SegmenterHandle>(env);
  exports.Set("loadSegmenter", Napi::Function::New(env, load_segmenter, "loadSegmenter"));
});

}  // namespace
}  // namespace vmolmo::binding
