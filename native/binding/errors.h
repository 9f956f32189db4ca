#pragma once

#include <napi.h>

#include <string>
#include <utility>

#include "videomolmo/status.h"

namespace vmolmo::binding {

// What went wrong, in a form that may cross threads.
struct Failure {
  Code code = Code::kInternal;
  std::string message;
};

// Describes the exception being handled; to be called inside a catch block, on any thread.
// vmolmo::Error keeps its code, std::bad_alloc becomes OUT_OF_MEMORY, everything else INTERNAL.
Failure current_failure();

// A JavaScript Error with the property `code`.
Napi::Error to_js(Napi::Env env, const Failure& failure);

// Runs the body of a callback from JavaScript: C++ exceptions become JavaScript exceptions.
template <typename Body>
auto guarded(Napi::Env env, Body&& body) -> decltype(body()) {
  try {
    return std::forward<Body>(body)();
  } catch (const Napi::Error&) {
    throw;
  } catch (...) {
    throw to_js(env, current_failure());
  }
}

}  // namespace vmolmo::binding
