#include "videomolmo/pointer.h"

#include <napi.h>

#include <array>

#include "native/binding/cancel.h"
#include "native/binding/engine_thread.h"
#include "native/binding/handle.h"
#include "native/binding/memory_use.h"
#include "native/binding/numbers.h"
#include "native/binding/registry.h"
#include "native/binding/tensors.h"
#include "native/binding/weights.h"

namespace vmolmo::binding {
namespace {

const char* stop_name(StopReason reason) {
  switch (reason) {
    case StopReason::kEos:
      return "eos";
    case StopReason::kStopId:
      return "stop";
    case StopReason::kLength:
      break;
  }
  return "length";
}

std::vector<AnswerRequest> read_requests(const Argument& argument) {
  std::vector<AnswerRequest> requests;
  for (const Argument& item : argument.items()) {
    AnswerRequest& request = requests.emplace_back();
    request.frame_index = item["frameIndex"].integer();
    request.prompt_ids = copy_of<int32_t>(item["promptIds"]);
    if (item["draft"].present()) request.draft = copy_of<int32_t>(item["draft"]);
  }
  return requests;
}

std::optional<int64_t> read_context_frames(const Argument& options) {
  if (options["blackContext"].boolean_or(false)) return 0;
  const Argument frames = options["contextFrames"];
  return frames.present() ? std::optional(frames.integer()) : std::nullopt;
}

AnswerOptions read_answer_options(const Argument& argument) {
  AnswerOptions options;
  options.max_new_tokens = argument["maxNewTokens"].integer_or(options.max_new_tokens);
  if (argument["stopIds"].present()) options.stop_ids = copy_of<int32_t>(argument["stopIds"]);
  options.context_frames = read_context_frames(argument);
  return options;
}

Napi::Object stats_to_js(Napi::Env env, const AnswerStats& stats) {
  auto object = Napi::Object::New(env);
  const auto set = [&](const char* name, int64_t value) {
    object.Set(name, static_cast<double>(value));
  };
  set("promptRows", stats.prompt_rows);
  set("reusedRows", stats.reused_rows);
  set("steps", stats.steps);
  set("drafted", stats.drafted);
  set("accepted", stats.accepted);
  return object;
}

Napi::Array answers_to_js(Napi::Env env, std::vector<Answer>& answers,
                          const std::shared_ptr<Trace>& trace) {
  auto array = Napi::Array::New(env, answers.size());
  for (size_t i = 0; i < answers.size(); ++i) {
    // A trace holds the last request's tensors; parity runs ask for one at a time.
    const bool traced = i + 1 == answers.size();
    Napi::Object object = outcome(env, answers[i].times, traced ? trace : nullptr);
    object.Set("ids", to_js(env, std::move(answers[i].ids)));
    object.Set("stopped", stop_name(answers[i].stopped));
    object.Set("stats", stats_to_js(env, answers[i].stats));
    array.Set(static_cast<uint32_t>(i), object);
  }
  return array;
}

struct StreamState {
  std::shared_ptr<EngineThread> engine;
  std::shared_ptr<Slot<Pointer>> model;
  std::shared_ptr<Slot<PointerStream>> stream;
};

class StreamHandle : public Handle<StreamHandle, StreamState> {
 public:
  static constexpr const char* kName = "PointerStream";
  using Handle::Handle;

  static std::vector<PropertyDescriptor> properties() {
    return {InstanceMethod<&StreamHandle::encode>("encode"),
            InstanceMethod<&StreamHandle::encode_batch>("encodeBatch"),
            InstanceMethod<&StreamHandle::prepare>("prepare"),
            InstanceMethod<&StreamHandle::has>("has"),
            InstanceMethod<&StreamHandle::answer>("answer"),
            InstanceMethod<&StreamHandle::dispose>("dispose")};
  }

  Napi::Value encode(const Napi::CallbackInfo& info) {
    return guarded(info.Env(), [&]() -> Napi::Value {
      const Argument options = argument(info, 2, "options");
      const int64_t frame_index = argument(info, 0, "frameIndex").integer();
      const auto trace = Trace::when(options["trace"].boolean_or(false));
      Job job;
      job.cancel = cancel_flag(options["cancel"]);
      const RgbImage image = borrow_image(argument(info, 1, "image"), job.loans);
      job.work = [model = state().model, stream = state().stream, frame_index, image, trace,
                  cancel = job.cancel]() -> Finish {
        const auto held_model = model->get();
        const auto times = stream->get()->encode(frame_index, image, {cancel, trace.get()});
        return [times, trace](Napi::Env env) -> Napi::Value { return outcome(env, times, trace); };
      };
      return state().engine->submit(info.Env(), std::move(job));
    });
  }

  Napi::Value encode_batch(const Napi::CallbackInfo& info) {
    return guarded(info.Env(), [&]() -> Napi::Value {
      Job job;
      job.cancel = cancel_flag(argument(info, 1, "options")["cancel"]);
      std::vector<FrameRequest> frames;
      for (const Argument& item : argument(info, 0, "frames").items())
        frames.push_back({item["frameIndex"].integer(), borrow_image(item["image"], job.loans)});
      job.work = [model = state().model, stream = state().stream, frames,
                  cancel = job.cancel]() -> Finish {
        const auto held_model = model->get();
        const auto times = stream->get()->encode(frames, {cancel, nullptr});
        return [times](Napi::Env env) -> Napi::Value { return outcome(env, times, nullptr); };
      };
      return state().engine->submit(info.Env(), std::move(job));
    });
  }

  Napi::Value prepare(const Napi::CallbackInfo& info) {
    return guarded(info.Env(), [&]() -> Napi::Value {
      const int64_t frame_index = argument(info, 0, "frameIndex").integer();
      const Argument given = argument(info, 1, "options");
      Job job;
      job.cancel = cancel_flag(given["cancel"]);
      PrepareOptions options;
      options.cancel = job.cancel;
      options.context_frames = read_context_frames(given);
      job.work = [model = state().model, stream = state().stream, frame_index,
                  options]() -> Finish {
        const auto held_model = model->get();
        const auto times = stream->get()->prepare(frame_index, options);
        return [times](Napi::Env env) -> Napi::Value { return outcome(env, times, nullptr); };
      };
      return state().engine->submit(info.Env(), std::move(job));
    });
  }

  Napi::Value has(const Napi::CallbackInfo& info) {
    return guarded(info.Env(), [&]() -> Napi::Value {
      const int64_t frame_index = argument(info, 0, "frameIndex").integer();
      return Napi::Boolean::New(info.Env(), state().stream->get()->has(frame_index));
    });
  }

  Napi::Value answer(const Napi::CallbackInfo& info) {
    return guarded(info.Env(), [&]() -> Napi::Value {
      const Argument given = argument(info, 1, "options");
      AnswerOptions options = read_answer_options(given);
      const auto trace = Trace::when(given["trace"].boolean_or(false));
      Job job;
      job.cancel = cancel_flag(given["cancel"]);
      options.cancel = job.cancel;
      options.recorder = trace.get();
      job.work = [model = state().model, stream = state().stream, options, trace,
                  requests = read_requests(argument(info, 0, "requests"))]() -> Finish {
        const auto held_model = model->get();
        const auto answers =
            std::make_shared<std::vector<Answer>>(stream->get()->answer(requests, options));
        return [answers, trace](Napi::Env env) -> Napi::Value {
          return answers_to_js(env, *answers, trace);
        };
      };
      return state().engine->submit(info.Env(), std::move(job));
    });
  }

  Napi::Value dispose(const Napi::CallbackInfo& info) {
    state().engine->release_later(state().stream);
    return info.Env().Undefined();
  }
};

constexpr int64_t kMostFrames = 1 << 16;

struct PointerState {
  std::shared_ptr<EngineThread> engine;
  std::shared_ptr<Slot<Pointer>> model;
};

class PointerHandle : public Handle<PointerHandle, PointerState> {
 public:
  static constexpr const char* kName = "Pointer";
  using Handle::Handle;

  static std::vector<PropertyDescriptor> properties() {
    return {InstanceMethod<&PointerHandle::info_of>("info"),
            InstanceMethod<&PointerHandle::memory>("memory"),
            InstanceMethod<&PointerHandle::open_stream>("openStream"),
            InstanceMethod<&PointerHandle::preprocess>("preprocess"),
            InstanceMethod<&PointerHandle::dispose>("dispose")};
  }

  Napi::Value info_of(const Napi::CallbackInfo& info) {
    return guarded(info.Env(), [&]() -> Napi::Value {
      state().engine->check_alive();
      const PointerInfo model = state().model->get()->info();
      Numbers numbers(info.Env());
      numbers.set("parameters", model.parameters)
          .set("weightBytes", model.weight_bytes)
          .set("workBytes", model.work_bytes)
          .set("sequences", model.sequences)
          .set("frames", model.frames)
          .set("threads", model.threads);
      return numbers.object();
    });
  }

  Napi::Value memory(const Napi::CallbackInfo& info) {
    return submit_memory_use(info, *state().engine, state().model);
  }

  Napi::Value open_stream(const Napi::CallbackInfo& info) {
    return guarded(info.Env(), [&]() -> Napi::Value {
      state().engine->check_alive();
      const Argument given = argument(info, 0, "options");
      StreamOptions options;
      if (given["capacity"].present())
        options.capacity = given["capacity"].integer_in(1, kMostFrames);
      if (given["images"].present()) options.images = given["images"].integer_in(1, kMostFrames);
      std::shared_ptr<PointerStream> stream = state().model->get()->open_stream(options);
      return make_handle<StreamHandle>(
          info.Env(), {state().engine, state().model,
                       state().engine->own(std::move(stream), "pointer's stream")});
    });
  }

  Napi::Value preprocess(const Napi::CallbackInfo& info) {
    return guarded(info.Env(), [&]() -> Napi::Value {
      Job job;
      const RgbImage image = borrow_image(argument(info, 0, "image"), job.loans);
      job.work = [model = state().model, image]() -> Finish {
        const Tensors tensors = model->get()->preprocess(image);
        return [tensors](Napi::Env env) -> Napi::Value { return to_js(env, tensors); };
      };
      return state().engine->submit(info.Env(), std::move(job));
    });
  }

  Napi::Value dispose(const Napi::CallbackInfo& info) {
    return guarded(info.Env(),
                   [&]() -> Napi::Value { return state().engine->dispose(info.Env()); });
  }
};

Napi::Value load_pointer(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const Argument given = argument(info, 0, "options");
    LoadOptions options = read_load_options(given);
    auto engine = EngineThread::create(info.Env(), "pointer");
    Job job;
    options.cancel = job.cancel = cancel_flag(given["cancel"]);
    job.work = [engine, options, family = given["family"].text(), weights = read_weights(given),
                attributes = read_attributes(given["attributes"])]() -> Finish {
      std::shared_ptr<Pointer> pointer =
          vmolmo::load_pointer(family, attributes, weights(*engine), options);
      auto model = engine->own(std::move(pointer), "pointer");
      return [engine, model](Napi::Env env) -> Napi::Value {
        return make_handle<PointerHandle>(env, {engine, model});
      };
    };
    return engine->submit(info.Env(), std::move(job));
  });
}

const Registration registration([](Napi::Env env, Napi::Object exports) {
  define_class<StreamHandle>(env);
  define_class<PointerHandle>(env);
  exports.Set("loadPointer", Napi::Function::New(env, load_pointer, "loadPointer"));
});

}  // namespace
}  // namespace vmolmo::binding
