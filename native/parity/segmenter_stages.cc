// SAM 2 from inside: pixels that are preprocessed already, and one component alone.

#include "native/binding/cancel.h"
#include "native/binding/registry.h"
#include "native/binding/segmenter.h"
#include "native/layers/nchw.h"
#include "native/ops/call_scope.h"
#include "native/parity/sam2_stages.h"
#include "native/sam2/segmenter.h"

namespace vmolmo::binding {
namespace {

const SegmenterState& segmenter_of(const Napi::CallbackInfo& info) {
  return unwrap<SegmenterHandle>(argument(info, 0, "segmenter")).state();
}

sam2::Sam2Segmenter& sam2_of(Segmenter& segmenter) {
  auto* own = dynamic_cast<sam2::Sam2Segmenter*>(&segmenter);
  require(own != nullptr, Code::kInvalidArgument, "segmenter: expected a SAM 2.");
  return *own;
}

Napi::Value encode_tensor(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    constexpr int64_t kMaxSide = 32768;
    const SegmenterState& state = segmenter_of(info);
    const Argument size = argument(info, 2, "size");
    const int64_t width = size["width"].integer_in(1, kMaxSide);
    const int64_t height = size["height"].integer_in(1, kMaxSide);
    const int64_t side = sam2_of(*state.model->get()).model()->config().image_size;
    Job job;
    const Tensor pixels = borrow_f32(argument(info, 1, "pixels"), {1, 3, side, side}, job.loans);
    return submit_encode(info.Env(), state, argument(info, 3, "options"), std::move(job),
                         [pixels, width, height](Segmenter& held, const CallOptions& call) {
                           sam2::Sam2Segmenter& own = sam2_of(held);
                           const CallScope scope(own.context(), call);
                           const Tensor map = to_nhwc(own.context(), pixels);
                           return own.model()->encode(own.context(), map, width, height);
                         });
  });
}

sam2::StageAttributes read_stage_attributes(const Argument& given) {
  sam2::StageAttributes attributes;
  if (!given.present()) return attributes;
  const Napi::Array names = given.object().GetPropertyNames();
  for (uint32_t i = 0; i < names.Length(); ++i) {
    const std::string name = names.Get(i).ToString().Utf8Value();
    const Argument value = given[name.c_str()];
    attributes[name] = value.value().IsBoolean() ? (value.boolean() ? 1.0 : 0.0) : value.number();
  }
  return attributes;
}

Napi::Value run_stage(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const SegmenterState& state = segmenter_of(info);
    Job job;
    job.cancel = cancel_flag(Argument(info.Env().Undefined(), "cancel"));
    const std::string stage = argument(info, 1, "stage").text();
    const auto features = features_of(argument(info, 2, "features"), *state.engine);
    const Tensors inputs = borrow_tensors(argument(info, 3, "inputs"), job.loans);
    job.work = [model = state.model, features, stage, inputs,
                attributes = read_stage_attributes(argument(info, 4, "attributes")),
                cancel = job.cancel]() -> Finish {
      const auto held = model->get();
      sam2::Sam2Segmenter& own = sam2_of(*held);
      const CallScope scope(own.context(), {cancel, nullptr});
      const Tensors out =
          sam2::run_stage(own.context(), *own.model(), sam2::own_features(features->get()), stage,
                          inputs, attributes);
      return [out](Napi::Env env) -> Napi::Value { return to_js(env, out); };
    };
    return state.engine->submit(info.Env(), std::move(job));
  });
}

const Registration registration([](Napi::Env env, Napi::Object exports) {
  exports.Set("encodeTensor", Napi::Function::New(env, encode_tensor, "encodeTensor"));
  exports.Set("runStage", Napi::Function::New(env, run_stage, "runStage"));
});

}  // namespace
}  // namespace vmolmo::binding
