#pragma once

#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>

namespace vmolmo {

// The stable error codes of the library. The JavaScript side exposes the same strings.
enum class Code {
  kInvalidArgument,
  kModelNotFound,
  kCheckpointInvalid,
  kUnsupportedModel,
  kOutOfMemory,
  kDeviceUnavailable,
  kDecodeFailed,
  kAborted,
  kDisposed,
  kInternal,
};

// "INVALID_ARGUMENT", "MODEL_NOT_FOUND", ...
const char* code_name(Code code);

// Every failure of the engine: a code for programs and one sentence for people that says what was
// expected, what came, and where (option, tensor or file).
class Error : public std::runtime_error {
 public:
  Error(Code code, const std::string& message) : std::runtime_error(message), code_(code) {}
  Code code() const { return code_; }

 private:
  Code code_;
};

template <typename... Parts>
std::string concat(Parts&&... parts) {
  std::ostringstream out;
  (out << ... << std::forward<Parts>(parts));
  return out.str();
}

template <typename... Parts>
[[noreturn]] void fail(Code code, Parts&&... parts) {
  throw Error(code, concat(std::forward<Parts>(parts)...));
}

// Throws Error(code, parts...) unless `condition` holds. The message is built only on failure.
template <typename... Parts>
void require(bool condition, Code code, Parts&&... parts) {
  if (!condition) [[unlikely]]
    fail(code, std::forward<Parts>(parts)...);
}

}  // namespace vmolmo
