#pragma once

#include <napi.h>

namespace vmolmo::binding {

// Each file of the binding adds its classes and functions to the module with one static object:
//   const Registration registration([](Napi::Env env, Napi::Object exports) { ... });
// It runs once per JavaScript environment (the main thread and every worker).
using Register = void (*)(Napi::Env env, Napi::Object exports);

class Registration {
 public:
  explicit Registration(Register function) : function_(function), next_(first_) { first_ = this; }

  static void run_all(Napi::Env env, Napi::Object exports);

 private:
  Register function_;
  const Registration* next_;
  inline static const Registration* first_ = nullptr;
};

}  // namespace vmolmo::binding
