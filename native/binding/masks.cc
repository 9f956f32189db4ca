#include "native/binding/buffers.h"
#include "native/binding/errors.h"
#include "native/binding/fusion_strategy.h"
#include "native/binding/registry.h"
#include "native/binding/tensors.h"
#include "native/fusion/fuse.h"
#include "native/fusion/rle.h"
#include "native/ops/boundary.h"
#include "native/ops/mask.h"

namespace vmolmo::binding {

FusionStrategy strategy_of(const Argument& argument) {
  const std::string name = argument.text_or("bidirectional");
  if (name == "bidirectional") return FusionStrategy::kBidirectional;
  if (name == "prefer-left") return FusionStrategy::kPreferForward;
  if (name == "prefer-right") return FusionStrategy::kPreferBackward;
  if (name == "intersection") return FusionStrategy::kIntersection;
  if (name == "larger") return FusionStrategy::kLarger;
  if (name == "smaller") return FusionStrategy::kSmaller;
  argument.reject(
      "'bidirectional', 'prefer-left', 'prefer-right', 'intersection', 'larger' or 'smaller'");
}

namespace {

const char* branch_name(FusionBranch branch) {
  switch (branch) {
    case FusionBranch::kForward:
      return "forward";
    case FusionBranch::kBackward:
      return "backward";
    case FusionBranch::kIntersection:
      return "intersection";
    case FusionBranch::kUnion:
      return "union";
    case FusionBranch::kEmpty:
      break;
  }
  return "empty";
}

void require_same_size(const MaskView& a, const MaskView& b) {
  require(a.width == b.width && a.height == b.height, Code::kInvalidArgument,
          "Two masks must have the same size, but are ", a.width, " x ", a.height, " and ", b.width,
          " x ", b.height, ".");
}

MaskBytes bytes_of(const MaskView& mask) { return {mask.data, mask.width * mask.height}; }

Tensor tensor_of(const MaskView& mask) {
  return Tensor::borrow(mask.data, {mask.height, mask.width}, DType::kU8);
}

Napi::Value fuse(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const Argument forward = argument(info, 0, "forward");
    const Argument backward = argument(info, 1, "backward");
    const Argument options = argument(info, 2, "options");
    Loans loans;
    MaskView first;
    MaskView second;
    if (forward.present()) first = borrow_mask(forward, loans);
    if (backward.present()) second = borrow_mask(backward, loans);
    require(forward.present() || backward.present(), Code::kInvalidArgument,
            "forward or backward must be a mask, but both are absent.");
    if (forward.present() && backward.present()) require_same_size(first, second);
    FusedMask fused = fuse_masks(bytes_of(first), bytes_of(second), options["tau"].number(),
                                 strategy_of(options["strategy"]));
    auto result = Napi::Object::New(info.Env());
    result.Set("data", to_js(info.Env(), std::move(fused.data)));
    result.Set("branch", branch_name(fused.branch));
    result.Set("intersection", static_cast<double>(fused.intersection));
    result.Set("union", static_cast<double>(fused.union_));
    return result;
  });
}

Napi::Value overlap(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    Loans loans;
    const MaskView a = borrow_mask(argument(info, 0, "a"), loans);
    const MaskView b = borrow_mask(argument(info, 1, "b"), loans);
    require_same_size(a, b);
    Context context(1);
    const ops::Overlap counts = ops::mask_overlap(context, tensor_of(a), tensor_of(b));
    auto result = Napi::Object::New(info.Env());
    result.Set("intersection", static_cast<double>(counts.intersection));
    result.Set("union", static_cast<double>(counts.union_));
    return result;
  });
}

Napi::Value distances(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    Loans loans;
    const MaskView mask = borrow_mask(argument(info, 0, "mask"), loans);
    Context context(1);
    const Tensor squared = ops::rim_distances(context, tensor_of(mask));
    return to_js(info.Env(), squared).Get("data");
  });
}

// Empty for an absent argument.
Tensor borrow_ignored(const Argument& argument, const MaskView& mask, Loans& loans) {
  if (!argument.present()) return {};
  const MaskView ignored = borrow_mask(argument, loans);
  require_same_size(mask, ignored);
  return tensor_of(ignored);
}

Napi::Value boundary(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    Loans loans;
    const MaskView mask = borrow_mask(argument(info, 0, "mask"), loans);
    const Tensor ignored = borrow_ignored(argument(info, 1, "ignored"), mask, loans);
    Context context(1);
    return to_js(info.Env(), ops::boundary_map(context, tensor_of(mask), ignored)).Get("data");
  });
}

Napi::Object counts_to_js(Napi::Env env, const cpu::MaskComparison& counts) {
  auto result = Napi::Object::New(env);
  result.Set("intersection", static_cast<double>(counts.intersection));
  result.Set("union", static_cast<double>(counts.union_));
  result.Set("truthBoundary", static_cast<double>(counts.truth_boundary));
  result.Set("predictedBoundary", static_cast<double>(counts.predicted_boundary));
  result.Set("truthMatches", static_cast<double>(counts.truth_matches));
  result.Set("predictedMatches", static_cast<double>(counts.predicted_matches));
  return result;
}

constexpr int64_t kMaxRadius = 32768;

Napi::Value compare(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    Loans loans;
    const MaskView truth = borrow_mask(argument(info, 0, "truth"), loans);
    const MaskView predicted = borrow_mask(argument(info, 1, "predicted"), loans);
    require_same_size(truth, predicted);
    const int64_t radius = argument(info, 2, "radius").integer_in(1, kMaxRadius);
    const Tensor ignored = borrow_ignored(argument(info, 3, "ignored"), truth, loans);
    Context context(1);
    return counts_to_js(info.Env(), ops::compare_masks(context, tensor_of(truth),
                                                       tensor_of(predicted), radius, ignored));
  });
}

Napi::Value compare_labels(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    constexpr int64_t kMaxLabel = 255;
    Loans loans;
    const MaskView truth = borrow_mask(argument(info, 0, "truth"), loans);
    const Argument predicted = argument(info, 1, "predicted");
    Tensor labels;
    if (predicted.present()) {
      const MaskView map = borrow_mask(predicted, loans);
      require_same_size(truth, map);
      labels = tensor_of(map);
    }
    const Argument options = argument(info, 2, "options");
    const int64_t radius = options["radius"].integer_in(1, kMaxRadius);
    const cpu::LabelPairs pairs = {
        .truth_labels = options["truthLabels"].integer_in(0, kMaxLabel),
        .predicted_labels = options["predictedLabels"].integer_in(0, kMaxLabel),
        .all = options["all"].boolean_or(false),
        .ignored_label = static_cast<uint8_t>(options["ignoredLabel"].present()
                                                  ? options["ignoredLabel"].integer_in(1, kMaxLabel)
                                                  : 0)};
    Context context(1);
    auto results = Napi::Array::New(info.Env());
    for (const auto& counts :
         ops::compare_labels(context, tensor_of(truth), labels, pairs, radius)) {
      results.Set(results.Length(), counts_to_js(info.Env(), counts));
    }
    return results;
  });
}

Napi::Value encode(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    Loans loans;
    const MaskView mask = borrow_mask(argument(info, 0, "mask"), loans);
    return to_js(info.Env(), encode_rle(mask.data, mask.width, mask.height));
  });
}

Napi::Value decode(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    constexpr int64_t kMaxSide = 32768;
    Loans loans;
    const auto counts = borrow<uint32_t>(argument(info, 0, "counts"), loans);
    const int64_t width = argument(info, 1, "width").integer_in(1, kMaxSide);
    const int64_t height = argument(info, 2, "height").integer_in(1, kMaxSide);
    return to_js(info.Env(), decode_rle(counts, width, height));
  });
}

const Registration registration([](Napi::Env env, Napi::Object exports) {
  exports.Set("fuseMasks", Napi::Function::New(env, fuse, "fuseMasks"));
  exports.Set("maskOverlap", Napi::Function::New(env, overlap, "maskOverlap"));
  exports.Set("rimDistances", Napi::Function::New(env, distances, "rimDistances"));
  exports.Set("boundaryMap", Napi::Function::New(env, boundary, "boundaryMap"));
  exports.Set("compareLabels", Napi::Function::New(env, compare_labels, "compareLabels"));
  exports.Set("compareMasks", Napi::Function::New(env, compare, "compareMasks"));
  exports.Set("encodeRle", Napi::Function::New(env, encode, "encodeRle"));
  exports.Set("decodeRle", Napi::Function::New(env, decode, "decodeRle"));
});

}  // namespace

}  // namespace vmolmo::binding
