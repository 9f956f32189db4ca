#include "native/binding/mask_handle.h"

#include "native/binding/registry.h"

namespace vmolmo::binding {

std::vector<MaskHandle::PropertyDescriptor> MaskHandle::properties() {
  return {InstanceAccessor<&MaskHandle::width>("width"),
          InstanceAccessor<&MaskHandle::height>("height"),
          InstanceAccessor<&MaskHandle::area>("area"),
          InstanceAccessor<&MaskHandle::box>("box"),
          InstanceMethod<&MaskHandle::inner_point>("innerPoint"),
          InstanceMethod<&MaskHandle::counts>("counts"),
          InstanceMethod<&MaskHandle::bytes>("bytes")};
}

// The collector should know what a small object keeps alive.
MaskHandle::MaskHandle(const Napi::CallbackInfo& info) : Handle(info) {
  int64_t held = 0;
  napi_adjust_external_memory(info.Env(), held_bytes(), &held);
}

void MaskHandle::Finalize(Napi::Env env) {
  int64_t held = 0;
  napi_adjust_external_memory(env, -held_bytes(), &held);
}

int64_t MaskHandle::held_bytes() {
  return state() ? static_cast<int64_t>(state()->bits().words().size_bytes()) : 0;
}

Napi::Value MaskHandle::width(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(state()->bits().width()));
}

Napi::Value MaskHandle::height(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(state()->bits().height()));
}

Napi::Value MaskHandle::area(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(state()->area()));
}

Napi::Value MaskHandle::box(const Napi::CallbackInfo& info) {
  const std::optional<Box>& box = state()->box();
  if (!box) return info.Env().Null();
  auto result = Napi::Object::New(info.Env());
  result.Set("x", static_cast<double>(box->x));
  result.Set("y", static_cast<double>(box->y));
  result.Set("width", static_cast<double>(box->width));
  result.Set("height", static_cast<double>(box->height));
  return result;
}

Napi::Value MaskHandle::inner_point(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const std::optional<Pixel>& pixel = state()->inner();
    if (!pixel) return info.Env().Null();
    auto result = Napi::Object::New(info.Env());
    result.Set("x", static_cast<double>(pixel->x));
    result.Set("y", static_cast<double>(pixel->y));
    return result;
  });
}

Napi::Value MaskHandle::counts(const Napi::CallbackInfo& info) {
  return guarded(info.Env(),
                 [&]() -> Napi::Value { return Napi::String::New(info.Env(), state()->counts()); });
}

Napi::Value MaskHandle::bytes(const Napi::CallbackInfo& info) {
  return guarded(info.Env(),
                 [&]() -> Napi::Value { return to_js(info.Env(), state()->bits().unpack()); });
}

Napi::Value mask_to_js(Napi::Env env, SharedMask mask) {
  if (!mask) return env.Null();
  return make_handle<MaskHandle>(env, std::move(mask));
}

GivenMask::GivenMask(const Argument& argument, int64_t width, int64_t height, Loans& loans)
    : width_(width), height_(height) {
  if (argument.value().IsTypedArray()) {
    const auto bytes = borrow<uint8_t>(argument, loans, width * height, "width * height");
    bytes_ = bytes.data();
    return;
  }
  held_ = unwrap<MaskHandle>(argument).state();
  const BitMask& bits = held_->bits();
  require(bits.width() == width && bits.height() == height, Code::kInvalidArgument, argument.name(),
          " must be ", width, " x ", height, ", but is ", bits.width(), " x ", bits.height(), ".");
}

BitMask GivenMask::bits() const {
  return held_ ? held_->bits() : BitMask::pack(bytes_, width_, height_);
}

std::vector<GivenMask> given_masks(const Argument& list, int64_t width, int64_t height,
                                   Loans& loans) {
  std::vector<GivenMask> masks;
  for (const Argument& mask : list.items()) masks.emplace_back(mask, width, height, loans);
  return masks;
}

std::vector<BitMask> bits_of(const std::vector<GivenMask>& masks) {
  std::vector<BitMask> bits;
  for (const GivenMask& mask : masks) bits.push_back(mask.bits());
  return bits;
}

namespace {

const Registration registration([](Napi::Env env, Napi::Object) { define_class<MaskHandle>(env); });

}  // namespace

}  // namespace vmolmo::binding
