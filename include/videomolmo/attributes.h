#pragma once

#include <concepts>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace vmolmo {

class Attribute;

// What a model is built from, by name ("decoder" -> "blocks" -> 28). Only the model's family knows
// the names, and what an attribute that is left out means.
using Attributes = std::map<std::string, Attribute>;

// A value as JSON has it, without null: an attribute that is not there is left out.
class Attribute {
 public:
  using List = std::vector<Attribute>;

  template <std::integral Number>
    requires(!std::same_as<Number, bool>)
  Attribute(Number value) : value_(static_cast<double>(value)) {}
  Attribute(double value) : value_(value) {}
  Attribute(bool value) : value_(value) {}
  Attribute(std::string value) : value_(std::move(value)) {}
  Attribute(const char* value) : value_(std::string(value)) {}
  Attribute(List value) : value_(std::move(value)) {}
  Attribute(Attributes value) : value_(std::move(value)) {}

  // Null unless the value is of that type.
  const double* number() const { return std::get_if<double>(&value_); }
  const bool* boolean() const { return std::get_if<bool>(&value_); }
  const std::string* text() const { return std::get_if<std::string>(&value_); }
  const List* list() const { return std::get_if<List>(&value_); }
  const Attributes* map() const { return std::get_if<Attributes>(&value_); }

 private:
  std::variant<double, bool, std::string, List, Attributes> value_;
};

// "the number 2.5", "the text 'many'", "a list of 3", ... for messages.
std::string describe(const Attribute& attribute);

// The attributes in a JSON object. Throws CHECKPOINT_INVALID with "<where>: <what is wrong>".
Attributes parse_attributes(const std::string& json, const std::string& where);

}  // namespace vmolmo
