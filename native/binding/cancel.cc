#include "native/binding/cancel.h"

#include <algorithm>

#include "native/binding/handle.h"
#include "native/binding/registry.h"

namespace vmolmo::binding {

void CancelSource::raise() {
  std::lock_guard lock(mutex_);
  raised_ = true;
  for (const auto& weak : flags_) {
    if (const auto flag = weak.lock()) flag->raise();
  }
  flags_.clear();
}

std::shared_ptr<CancelFlag> CancelSource::attach() {
  auto flag = std::make_shared<CancelFlag>();
  std::lock_guard lock(mutex_);
  if (raised_) {
    flag->raise();
    return flag;
  }
  std::erase_if(flags_, [](const auto& weak) { return weak.expired(); });
  flags_.push_back(flag);
  return flag;
}

namespace {

class CancelHandle : public Handle<CancelHandle, std::shared_ptr<CancelSource>> {
 public:
  static constexpr const char* kName = "Cancel";
  using Handle::Handle;

  static std::vector<PropertyDescriptor> properties() {
    return {InstanceMethod<&CancelHandle::raise>("raise")};
  }

  Napi::Value raise(const Napi::CallbackInfo& info) {
    state()->raise();
    return info.Env().Undefined();
  }
};

const Registration registration([](Napi::Env env, Napi::Object exports) {
  define_class<CancelHandle>(env);
  exports.Set("createCancel", Napi::Function::New(
                                  env,
                                  [](const Napi::CallbackInfo& info) -> Napi::Value {
                                    return make_handle<CancelHandle>(
                                        info.Env(), std::make_shared<CancelSource>());
                                  },
                                  "createCancel"));
});

}  // namespace

std::shared_ptr<CancelFlag> cancel_flag(const Argument& argument) {
  if (!argument.present()) return std::make_shared<CancelFlag>();
  return unwrap<CancelHandle>(argument).state()->attach();
}

}  // namespace vmolmo::binding
