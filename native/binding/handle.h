#pragma once

#include <napi.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "native/binding/arguments.h"
#include "native/binding/errors.h"

namespace vmolmo::binding {

// What the addon keeps per JavaScript environment: the constructors of its classes, by name.
struct AddonData {
  std::map<std::string, Napi::FunctionReference> classes;
};

// A JavaScript object over native state. A class derives from Handle<Itself, State>, has a static
// kName and a static properties(), is defined once per environment by define_class and made by
// make_handle; scripts cannot construct it. Methods are plain
//   Napi::Value method(const Napi::CallbackInfo& info)
// whose bodies run inside guarded().
template <typename Self, typename State>
class Handle : public Napi::ObjectWrap<Self> {
 public:
  using PropertyDescriptor = typename Napi::ObjectWrap<Self>::PropertyDescriptor;
  using StateType = State;

  explicit Handle(const Napi::CallbackInfo& info) : Napi::ObjectWrap<Self>(info) {
    if (info.Length() != 1 || !info[0].IsExternal()) {
      throw to_js(info.Env(), {Code::kInvalidArgument,
                               concat(Self::kName, " cannot be constructed directly.")});
    }
    state_ = std::move(*info[0].template As<Napi::External<State>>().Data());
  }

  State& state() { return state_; }

 private:
  State state_{};
};

template <typename T>
void define_class(Napi::Env env) {
  const auto properties = T::properties();
  const Napi::Function constructor = T::DefineClass(env, T::kName, properties);
  env.GetInstanceData<AddonData>()->classes[T::kName] = Napi::Persistent(constructor);
}

template <typename T>
Napi::Object make_handle(Napi::Env env, typename T::StateType state) {
  auto& constructor = env.GetInstanceData<AddonData>()->classes.at(T::kName);
  return constructor.New({Napi::External<typename T::StateType>::New(env, &state)});
}

// The native object behind a handle; rejects anything that is not a T of this environment.
template <typename T>
T& unwrap(const Argument& argument) {
  const Napi::Env env = argument.env();
  const auto& constructor = env.GetInstanceData<AddonData>()->classes.at(T::kName);
  const Napi::Value value = argument.value();
  if (!value.IsObject() || !value.As<Napi::Object>().InstanceOf(constructor.Value())) {
    argument.reject(concat("a ", T::kName, " handle"));
  }
  return *T::Unwrap(value.As<Napi::Object>());
}

}  // namespace vmolmo::binding
