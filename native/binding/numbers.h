#pragma once

#include <napi.h>

#include "videomolmo/tensor.h"

namespace vmolmo::binding {

// A JavaScript object of numbers.
class Numbers {
 public:
  explicit Numbers(Napi::Env env) : object_(Napi::Object::New(env)) {}

  template <typename Number>
  Numbers& set(const char* name, Number value) {
    object_.Set(name, static_cast<double>(value));
    return *this;
  }
  const Napi::Object& object() const { return object_; }

 private:
  Napi::Object object_;
};

inline Napi::Object to_js(Napi::Env env, const MemoryUse& use) {
  return Numbers(env)
      .set("taken", use.taken)
      .set("idle", use.idle)
      .set("peak", use.peak)
      .set("pinned", use.pinned)
      .set("allocations", use.allocations)
      .object();
}

}  // namespace vmolmo::binding
