#include "native/binding/arguments.h"

#include <cmath>

namespace vmolmo::binding {

namespace {
constexpr double kMaxSafeInteger = 9007199254740991.0;
}

std::string describe(Napi::Value value) {
  if (value.IsUndefined()) return "undefined";
  if (value.IsNull()) return "null";
  if (value.IsBoolean()) return value.As<Napi::Boolean>().Value() ? "true" : "false";
  if (value.IsNumber()) return "the number " + value.ToString().Utf8Value();
  if (value.IsString()) {
    std::string text = value.As<Napi::String>().Utf8Value();
    if (text.size() > 40) text = text.substr(0, 40) + "...";
    return "the string \"" + text + "\"";
  }
  if (value.IsArray()) return "an array";
  if (value.IsTypedArray()) return "a typed array";
  if (value.IsFunction()) return "a function";
  if (value.IsObject()) return "an object";
  return "another kind of value";
}

void Argument::reject(const std::string& expected) const {
  fail(Code::kInvalidArgument, name_, " must be ", expected, ", but is ", describe(value_), ".");
}

Argument Argument::operator[](const char* key) const {
  std::string name = name_ + "." + key;
  if (!present()) return {env().Undefined(), std::move(name)};
  return {object().Get(key), std::move(name)};
}

double Argument::number() const {
  if (!value_.IsNumber()) reject("a number");
  const double number = value_.As<Napi::Number>().DoubleValue();
  if (!std::isfinite(number)) reject("a finite number");
  return number;
}

int64_t Argument::integer() const {
  if (!value_.IsNumber()) reject("an integer");
  const double number = value_.As<Napi::Number>().DoubleValue();
  if (!(std::fabs(number) <= kMaxSafeInteger) || number != std::floor(number)) {
    reject("an integer");
  }
  return static_cast<int64_t>(number);
}

int64_t Argument::integer_in(int64_t low, int64_t high) const {
  const int64_t number = integer();
  if (number < low || number > high) reject(concat("an integer from ", low, " to ", high));
  return number;
}

bool Argument::boolean() const {
  if (!value_.IsBoolean()) reject("true or false");
  return value_.As<Napi::Boolean>().Value();
}

std::string Argument::text() const {
  if (!value_.IsString()) reject("a string");
  return value_.As<Napi::String>().Utf8Value();
}

Napi::Object Argument::object() const {
  if (!value_.IsObject()) reject("an object");
  return value_.As<Napi::Object>();
}

std::vector<Argument> Argument::items() const {
  if (!value_.IsArray()) reject("an array");
  const auto array = value_.As<Napi::Array>();
  std::vector<Argument> items;
  items.reserve(array.Length());
  for (uint32_t i = 0; i < array.Length(); ++i) {
    items.emplace_back(array.Get(i), concat(name_, "[", i, "]"));
  }
  return items;
}

std::vector<int64_t> Argument::integers() const {
  std::vector<int64_t> numbers;
  for (const Argument& item : items()) numbers.push_back(item.integer());
  return numbers;
}

}  // namespace vmolmo::binding
