#include "native/binding/background.h"
#include "native/binding/fusion_strategy.h"
#include "native/binding/mask_handle.h"
#include "native/binding/registry.h"

// What is done with all masks of a frame at once, beside the JavaScript thread.
namespace vmolmo::binding {
namespace {

std::vector<FrameEstimates::Pair> pairs_of(const Argument& argument, size_t forward,
                                           size_t backward) {
  const std::vector<int32_t> indices = copy_of<int32_t>(argument);
  std::vector<FrameEstimates::Pair> pairs;
  for (size_t i = 0; i + 1 < indices.size(); i += 2) {
    const FrameEstimates::Pair pair{indices[i], indices[i + 1]};
    const bool known = (pair.forward >= 0 || pair.backward >= 0) &&
                       pair.forward < static_cast<int64_t>(forward) &&
                       pair.backward < static_cast<int64_t>(backward);
    if (!known) argument.reject(concat("places in ", forward, " and ", backward, " masks"));
    pairs.push_back(pair);
  }
  return pairs;
}

Napi::Value to_js(Napi::Env env, const FusedFrame& frame) {
  auto objects = Napi::Array::New(env, frame.objects.size());
  for (uint32_t i = 0; i < frame.objects.size(); ++i) {
    auto object = Napi::Object::New(env);
    object.Set("mask", mask_to_js(env, frame.objects[i].mask));
    object.Set("agreement", frame.objects[i].agreement);
    objects.Set(i, object);
  }
  auto result = Napi::Object::New(env);
  result.Set("objects", objects);
  result.Set("mask", mask_to_js(env, frame.mask));
  result.Set("forward", mask_to_js(env, frame.forward));
  result.Set("backward", mask_to_js(env, frame.backward));
  result.Set("agreement", frame.agreement);
  return result;
}

Napi::Value fuse_frame_of(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const Argument request = argument(info, 0, "request");
    const auto [width, height] = picture_size(request);
    Loans loans;
    const auto forward = given_masks(request["forward"], width, height, loans);
    const auto backward = given_masks(request["backward"], width, height, loans);
    FrameEstimates estimates;
    estimates.pairs = pairs_of(request["pairs"], forward.size(), backward.size());
    estimates.width = width, estimates.height = height;
    estimates.tau = request["tau"].number();
    estimates.strategy = strategy_of(request["strategy"]);
    return in_background(info.Env(), std::move(loans), [=]() mutable -> Finish {
      estimates.forward = bits_of(forward);
      estimates.backward = bits_of(backward);
      auto fused = std::make_shared<FusedFrame>(fuse_frame(estimates));
      return [fused](Napi::Env env) { return to_js(env, *fused); };
    });
  });
}

// Pixels in both and in either, of every mask of a list with every one of another.
Napi::Value overlaps(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const Argument request = argument(info, 0, "request");
    const auto [width, height] = picture_size(request);
    Loans loans;
    const auto known = given_masks(request["known"], width, height, loans);
    const auto current = given_masks(request["current"], width, height, loans);
    return in_background(info.Env(), std::move(loans), [=]() -> Finish {
      const std::vector<BitMask> first = bits_of(known), second = bits_of(current);
      std::vector<double> counts;
      for (const BitMask& a : first) {
        for (const BitMask& b : second) {
          const int64_t both = intersection_of(a, b);
          counts.push_back(static_cast<double>(both));
          counts.push_back(static_cast<double>(area_of(a) + area_of(b) - both));
        }
      }
      return [counts](Napi::Env env) -> Napi::Value {
        auto result = Napi::Float64Array::New(env, counts.size());
        std::ranges::copy(counts, result.Data());
        return result;
      };
    });
  });
}

// A mask whose bytes are JavaScript's, at once.
Napi::Value pack(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    Loans loans;
    const MaskView mask = borrow_mask(argument(info, 0, "mask"), loans);
    return mask_to_js(info.Env(), std::make_shared<MeasuredMask>(
                                      BitMask::pack(mask.data, mask.width, mask.height)));
  });
}

const Registration registration([](Napi::Env env, Napi::Object exports) {
  exports.Set("fuseFrame", Napi::Function::New(env, fuse_frame_of, "fuseFrame"));
  exports.Set("maskOverlaps", Napi::Function::New(env, overlaps, "maskOverlaps"));
  exports.Set("packMask", Napi::Function::New(env, pack, "packMask"));
});

}  // namespace
}  // namespace vmolmo::binding
