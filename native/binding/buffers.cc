#include "native/binding/buffers.h"

#include <cstring>
#include <utility>

namespace vmolmo::binding {

namespace {

template <typename T>
struct Element;
template <>
struct Element<uint8_t> {
  static bool matches(napi_typedarray_type type) {
    return type == napi_uint8_array || type == napi_uint8_clamped_array;
  }
  static constexpr const char* kName = "a Uint8Array";
};
template <>
struct Element<int32_t> {
  static bool matches(napi_typedarray_type type) { return type == napi_int32_array; }
  static constexpr const char* kName = "an Int32Array";
};
template <>
struct Element<uint32_t> {
  static bool matches(napi_typedarray_type type) { return type == napi_uint32_array; }
  static constexpr const char* kName = "a Uint32Array";
};
template <>
struct Element<int64_t> {
  static bool matches(napi_typedarray_type type) { return type == napi_bigint64_array; }
  static constexpr const char* kName = "a BigInt64Array";
};
template <>
struct Element<float> {
  static bool matches(napi_typedarray_type type) { return type == napi_float32_array; }
  static constexpr const char* kName = "a Float32Array";
};

// A resizable buffer may shrink under the engine's feet.
void check_fixed(const Argument& argument, Napi::Value buffer) {
  bool detached = false;
  napi_is_detached_arraybuffer(buffer.Env(), buffer, &detached);
  require(!detached, Code::kInvalidArgument, argument.name(),
          " must hold memory, but its ArrayBuffer is detached (it was transferred).");
  const Napi::Object object = buffer.As<Napi::Object>();
  const bool resizable =
      object.Get("resizable").ToBoolean().Value() || object.Get("growable").ToBoolean().Value();
  require(!resizable, Code::kInvalidArgument, argument.name(),
          " must lie in a buffer of fixed length, but its ArrayBuffer is resizable.");
}

struct TypedArrayInfo {
  napi_typedarray_type type = napi_uint8_array;
  size_t length = 0;
  void* data = nullptr;
  Napi::Value buffer;
};

TypedArrayInfo inspect(const Argument& argument, const char* expected) {
  if (!argument.value().IsTypedArray()) argument.reject(expected);
  TypedArrayInfo info;
  napi_value buffer = nullptr;
  size_t offset = 0;
  const napi_status status = napi_get_typedarray_info(argument.env(), argument.value(), &info.type,
                                                      &info.length, &info.data, &buffer, &offset);
  if (status != napi_ok) argument.reject(expected);
  info.buffer = Napi::Value(argument.env(), buffer);
  return info;
}

template <typename T, typename Array>
Array array_over(Napi::Env env, std::vector<T> values) {
  auto owner = std::make_shared<std::vector<T>>(std::move(values));
  const size_t count = owner->size();
  T* data = owner->data();
  return Array::New(env, count, lend_to_js(env, data, count * sizeof(T), std::move(owner)), 0);
}

}  // namespace

template <typename T>
std::span<const T> borrow(const Argument& argument, Loans& loans, int64_t at_least,
                          const char* what) {
  const TypedArrayInfo info = inspect(argument, Element<T>::kName);
  if (!Element<T>::matches(info.type)) argument.reject(Element<T>::kName);
  check_fixed(argument, info.buffer);
  require(static_cast<int64_t>(info.length) >= at_least, Code::kInvalidArgument, argument.name(),
          " must have at least ", at_least * sizeof(T), " bytes (", what, "), but has ",
          info.length * sizeof(T), ".");
  loans.add(argument.value().As<Napi::Object>());
  return {static_cast<const T*>(info.data), info.length};
}

template std::span<const uint8_t> borrow(const Argument&, Loans&, int64_t, const char*);
template std::span<const int32_t> borrow(const Argument&, Loans&, int64_t, const char*);
template std::span<const uint32_t> borrow(const Argument&, Loans&, int64_t, const char*);
template std::span<const int64_t> borrow(const Argument&, Loans&, int64_t, const char*);
template std::span<const float> borrow(const Argument&, Loans&, int64_t, const char*);

namespace {
// Larger pictures are taken for mistakes: 2^15 pixels a side, 2^28 pixels in all.
constexpr int64_t kMaxSide = 32768;
constexpr int64_t kMaxPixels = int64_t{1} << 28;
}  // namespace

std::pair<int64_t, int64_t> picture_size(const Argument& argument) {
  const int64_t width = argument["width"].integer_in(1, kMaxSide);
  const int64_t height = argument["height"].integer_in(1, kMaxSide);
  require(width * height <= kMaxPixels, Code::kInvalidArgument, argument.name(),
          " must have at most ", kMaxPixels, " pixels, but is ", width, " x ", height, ".");
  return {width, height};
}

RgbImage borrow_image(const Argument& argument, Loans& loans) {
  const auto [width, height] = picture_size(argument);
  const int64_t stride = argument["stride"].integer_or(3 * width);
  require(stride >= 3 * width && stride <= (int64_t{1} << 32), Code::kInvalidArgument,
          argument.name(), ".stride must be at least 3 * width = ", 3 * width, " bytes, but is ",
          stride, ".");
  const int64_t bytes = stride * (height - 1) + 3 * width;
  const auto data =
      borrow<uint8_t>(argument["data"], loans, bytes, "stride * (height - 1) + 3 * width");
  return {data.data(), width, height, stride};
}

MaskView borrow_mask(const Argument& argument, Loans& loans) {
  const auto [width, height] = picture_size(argument);
  const auto data = borrow<uint8_t>(argument["data"], loans, width * height, "width * height");
  return {data.data(), width, height};
}

Napi::ArrayBuffer lend_to_js(Napi::Env env, void* data, size_t bytes, std::shared_ptr<void> owner) {
  if (bytes == 0) return Napi::ArrayBuffer::New(env, 0);
  auto holder = std::make_unique<std::shared_ptr<void>>(std::move(owner));
  napi_value value = nullptr;
  const auto finalize = [](napi_env, void*, void* hint) {
    delete static_cast<std::shared_ptr<void>*>(hint);
  };
  const napi_status status =
      napi_create_external_arraybuffer(env, data, bytes, finalize, holder.get(), &value);
  if (status == napi_ok) {
    holder.release();
    return Napi::ArrayBuffer(env, value);
  }
  Napi::ArrayBuffer copy = Napi::ArrayBuffer::New(env, bytes);
  std::memcpy(copy.Data(), data, bytes);
  return copy;
}

Napi::Uint8Array to_js(Napi::Env env, std::vector<uint8_t> values) {
  return array_over<uint8_t, Napi::Uint8Array>(env, std::move(values));
}
Napi::Int32Array to_js(Napi::Env env, std::vector<int32_t> values) {
  return array_over<int32_t, Napi::Int32Array>(env, std::move(values));
}
Napi::Uint32Array to_js(Napi::Env env, std::vector<uint32_t> values) {
  return array_over<uint32_t, Napi::Uint32Array>(env, std::move(values));
}
Napi::Float32Array to_js(Napi::Env env, std::vector<float> values) {
  return array_over<float, Napi::Float32Array>(env, std::move(values));
}

}  // namespace vmolmo::binding
