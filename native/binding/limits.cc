#include "videomolmo/limits.h"

#include "native/binding/arguments.h"
#include "native/binding/errors.h"
#include "native/binding/numbers.h"
#include "native/binding/registry.h"

namespace vmolmo::binding {
namespace {

Napi::Value limits(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const MachineLimits measured =
        measure_limits(static_cast<int>(argument(info, 0, "threads").integer_in(0, 4096)));
    Numbers numbers(info.Env());
    numbers.set("gflops", measured.gflops).set("gigabytesPerSecond", measured.gigabytes_per_second);
    return numbers.object();
  });
}

const Registration registration([](Napi::Env env, Napi::Object exports) {
  exports.Set("measureLimits", Napi::Function::New(env, limits, "measureLimits"));
});

}  // namespace
}  // namespace vmolmo::binding
