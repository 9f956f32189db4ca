#pragma once

#include <vector>

#include "native/binding/buffers.h"
#include "native/binding/handle.h"
#include "native/fusion/fuse_bits.h"

namespace vmolmo::binding {

// AddonMaskHandle: a mask that lies in the engine. Its bytes are made when they are asked for.
class MaskHandle : public Handle<MaskHandle, SharedMask> {
 public:
  static constexpr const char* kName = "MaskHandle";
  static std::vector<PropertyDescriptor> properties();
  explicit MaskHandle(const Napi::CallbackInfo& info);
  void Finalize(Napi::Env env) override;

  Napi::Value width(const Napi::CallbackInfo& info);
  Napi::Value height(const Napi::CallbackInfo& info);
  Napi::Value area(const Napi::CallbackInfo& info);
  Napi::Value box(const Napi::CallbackInfo& info);
  Napi::Value inner_point(const Napi::CallbackInfo& info);
  Napi::Value counts(const Napi::CallbackInfo& info);
  Napi::Value bytes(const Napi::CallbackInfo& info);

 private:
  int64_t held_bytes();
};

// Null without a mask.
Napi::Value mask_to_js(Napi::Env env, SharedMask mask);

// A mask of a call that runs on another thread: a handle's, or the caller's bytes, borrowed.
class GivenMask {
 public:
  // A MaskHandle, or u8 [height, width]. Rejects another size.
  GivenMask(const Argument& argument, int64_t width, int64_t height, Loans& loans);
  BitMask bits() const;

 private:
  SharedMask held_;
  const uint8_t* bytes_ = nullptr;
  int64_t width_, height_;
};

std::vector<GivenMask> given_masks(const Argument& list, int64_t width, int64_t height,
                                   Loans& loans);
// For the other thread.
std::vector<BitMask> bits_of(const std::vector<GivenMask>& masks);

}  // namespace vmolmo::binding
