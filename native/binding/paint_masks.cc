#include <algorithm>

#include "native/binding/background.h"
#include "native/binding/mask_handle.h"
#include "native/binding/registry.h"
#include "native/fusion/paint.h"

// Masks drawn into pictures, beside the JavaScript thread.
namespace vmolmo::binding {
namespace {

constexpr size_t kChannels = std::tuple_size_v<Color>;

Napi::Value labels(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    constexpr uint32_t kMostIndexed = 0xff, kMost = 0xffff;
    const Argument request = argument(info, 0, "request");
    const auto [width, height] = picture_size(request);
    Loans loans;
    const auto masks = given_masks(request["masks"], width, height, loans);
    const auto numbers = copy_of<uint32_t>(request["numbers"]);
    const bool wide = request["wide"].boolean();
    const uint32_t most = numbers.empty() ? 0 : std::ranges::max(numbers);
    if (numbers.size() != masks.size() || most > (wide ? kMost : kMostIndexed))
      request["numbers"].reject(
          concat(masks.size(), " numbers up to ", wide ? kMost : kMostIndexed));
    return in_background(info.Env(), std::move(loans), [=]() -> Finish {
      auto lines = std::make_shared<std::vector<uint8_t>>(
          label_lines(bits_of(masks), numbers, width, height, wide));
      return [lines](Napi::Env env) -> Napi::Value { return to_js(env, std::move(*lines)); };
    });
  });
}

Napi::Value tint(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const Argument request = argument(info, 0, "request");
    const auto [width, height] = picture_size(request);
    Loans loans;
    const auto picture =
        borrow<uint8_t>(request["data"], loans, 3 * width * height, "3 * width * height");
    const auto masks = given_masks(request["masks"], width, height, loans);
    const auto values = copy_of<uint8_t>(request["colors"]);
    if (values.size() != kChannels * masks.size())
      request["colors"].reject(concat("red, green and blue of ", masks.size(), " masks"));
    std::vector<Color> colors(masks.size());
    for (size_t i = 0; i < values.size(); ++i) colors[i / kChannels][i % kChannels] = values[i];
    return in_background(info.Env(), std::move(loans), [=]() -> Finish {
      const auto own = picture.first(static_cast<size_t>(3 * width * height));
      auto tinted = std::make_shared<std::vector<uint8_t>>(own.begin(), own.end());
      tint_masks(tinted->data(), bits_of(masks), colors);
      return [tinted](Napi::Env env) -> Napi::Value { return to_js(env, std::move(*tinted)); };
    });
  });
}

const Registration registration([](Napi::Env env, Napi::Object exports) {
  exports.Set("labelLines", Napi::Function::New(env, labels, "labelLines"));
  exports.Set("tintMasks", Napi::Function::New(env, tint, "tintMasks"));
});

}  // namespace
}  // namespace vmolmo::binding
