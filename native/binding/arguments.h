#pragma once

#include <napi.h>

#include <cstdint>
#include <string>
#include <vector>

#include "videomolmo/status.h"

namespace vmolmo::binding {

// A JavaScript value and the name by which error messages speak of it ("options.config.vit.width").
// Every reader throws INVALID_ARGUMENT naming the argument, what was expected and what came.
class Argument {
 public:
  Argument(Napi::Value value, std::string name) : value_(value), name_(std::move(name)) {}

  const std::string& name() const { return name_; }
  Napi::Value value() const { return value_; }
  Napi::Env env() const { return value_.Env(); }
  // Neither undefined nor null.
  bool present() const { return !value_.IsUndefined() && !value_.IsNull(); }

  // A property; absent when this argument is absent itself.
  Argument operator[](const char* key) const;

  double number() const;    // finite
  int64_t integer() const;  // a safe integer
  int64_t integer_in(int64_t low, int64_t high) const;
  bool boolean() const;
  std::string text() const;
  Napi::Object object() const;
  std::vector<Argument> items() const;
  std::vector<int64_t> integers() const;

  // The same with a value for an absent argument.
  double number_or(double fallback) const { return present() ? number() : fallback; }
  int64_t integer_or(int64_t fallback) const { return present() ? integer() : fallback; }
  bool boolean_or(bool fallback) const { return present() ? boolean() : fallback; }
  std::string text_or(const std::string& fallback) const { return present() ? text() : fallback; }

  [[noreturn]] void reject(const std::string& expected) const;

 private:
  Napi::Value value_;
  std::string name_;
};

// Argument `index` of a call, absent when it was not given.
inline Argument argument(const Napi::CallbackInfo& info, size_t index, std::string name) {
  return {info[index], std::move(name)};
}

// "a string", "the number 3.5", "an array", ...
std::string describe(Napi::Value value);

}  // namespace vmolmo::binding
