#pragma once

#include <napi.h>

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

}  // namespace vmolmo::binding
