#pragma once

#include <napi.h>

#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "native/binding/arguments.h"
#include "videomolmo/call.h"

namespace vmolmo::binding {

// The JavaScript buffers that a call has borrowed. It travels with the call's job and lets go of
// them on the JavaScript thread when the promise has settled. Until then the caller must neither
// detach (transfer) nor change them; the bytes are read in place.
class Loans {
 public:
  void add(Napi::Object holder) { held_.push_back(Napi::Persistent(holder)); }

 private:
  std::vector<Napi::ObjectReference> held_;
};

// The elements of a typed array, borrowed. Rejects another element type, a detached or resizable
// buffer, and fewer than `at_least` elements (`what` explains the number: "3 * width * height").
template <typename T>
std::span<const T> borrow(const Argument& argument, Loans& loans, int64_t at_least = 0,
                          const char* what = "elements");

extern template std::span<const uint8_t> borrow(const Argument&, Loans&, int64_t, const char*);
extern template std::span<const int32_t> borrow(const Argument&, Loans&, int64_t, const char*);
extern template std::span<const uint32_t> borrow(const Argument&, Loans&, int64_t, const char*);
extern template std::span<const int64_t> borrow(const Argument&, Loans&, int64_t, const char*);
extern template std::span<const float> borrow(const Argument&, Loans&, int64_t, const char*);

// A small typed array, copied, so that nothing has to be kept alive.
template <typename T>
std::vector<T> copy_of(const Argument& argument) {
  Loans loans;
  const std::span<const T> elements = borrow<T>(argument, loans);
  return {elements.begin(), elements.end()};
}

// width and height of a picture or mask. Rejects what is taken for a mistake.
std::pair<int64_t, int64_t> picture_size(const Argument& argument);

// AddonImage: interleaved RGB, checked against its width, height and stride.
RgbImage borrow_image(const Argument& argument, Loans& loans);

// AddonMask: u8 [height, width].
struct MaskView {
  const uint8_t* data = nullptr;
  int64_t width = 0;
  int64_t height = 0;
};
MaskView borrow_mask(const Argument& argument, Loans& loans);

// Bytes handed to JavaScript without a copy: the ArrayBuffer keeps `owner` alive. Where the runtime
// allows no external buffers, the bytes are copied.
Napi::ArrayBuffer lend_to_js(Napi::Env env, void* data, size_t bytes, std::shared_ptr<void> owner);

// A typed array over the vector's memory.
Napi::Uint8Array to_js(Napi::Env env, std::vector<uint8_t> values);
Napi::Int32Array to_js(Napi::Env env, std::vector<int32_t> values);
Napi::Uint32Array to_js(Napi::Env env, std::vector<uint32_t> values);
Napi::Float32Array to_js(Napi::Env env, std::vector<float> values);

}  // namespace vmolmo::binding
