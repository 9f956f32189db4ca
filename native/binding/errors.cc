#include "native/binding/errors.h"

#include <new>

namespace vmolmo::binding {

Failure current_failure() {
  try {
    throw;
  } catch (const Error& error) {
    return {error.code(), error.what()};
  } catch (const std::bad_alloc&) {
    return {Code::kOutOfMemory, "Not enough memory to finish the call."};
  } catch (const std::exception& error) {
    return {Code::kInternal, concat("Unexpected failure in the engine: ", error.what())};
  } catch (...) {
    return {Code::kInternal, "Unexpected failure in the engine."};
  }
}

Napi::Error to_js(Napi::Env env, const Failure& failure) {
  Napi::Error error = Napi::Error::New(env, failure.message);
  error.Set("code", Napi::String::New(env, code_name(failure.code)));
  return error;
}

}  // namespace vmolmo::binding
