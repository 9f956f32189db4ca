#include "native/base/attribute_reader.h"

#include <cmath>
#include <utility>

#include "videomolmo/status.h"

namespace vmolmo {
namespace {

const Attributes kNone;

std::string joined(const std::set<std::string>& names) {
  std::string all;
  for (const std::string& name : names) all += (all.empty() ? "" : ", ") + name;
  return all.empty() ? "none" : all;
}

}  // namespace

std::string describe(const Attribute& attribute) {
  if (const double* number = attribute.number()) return concat("the number ", *number);
  if (const bool* flag = attribute.boolean()) return *flag ? "true" : "false";
  if (const std::string* text = attribute.text()) return concat("the text '", *text, "'");
  if (const Attribute::List* list = attribute.list()) return concat("a list of ", list->size());
  return "attributes";
}

AttributeReader::AttributeReader(const Attributes& values, std::string name)
    : values_(values), name_(std::move(name)) {}

bool AttributeReader::has(const std::string& name) const { return values_.contains(name); }

const Attribute* AttributeReader::find(const std::string& name) {
  asked_.insert(name);
  const auto at = values_.find(name);
  return at == values_.end() ? nullptr : &at->second;
}

void AttributeReader::reject(const std::string& name, const std::string& expected,
                             const Attribute& got) const {
  fail(Code::kInvalidArgument, name_, ".", name, ": expected ", expected, ", got ", describe(got),
       ".");
}

int64_t AttributeReader::integer(const std::string& name, const Attribute& value, int64_t low,
                                 int64_t high) const {
  const double* number = value.number();
  const bool whole = number && std::nearbyint(*number) == *number;
  if (!whole || *number < static_cast<double>(low) || *number > static_cast<double>(high))
    reject(name, concat("an integer from ", low, " to ", high), value);
  return static_cast<int64_t>(*number);
}

void AttributeReader::read(const std::string& name, bool& field) {
  const Attribute* value = find(name);
  if (!value) return;
  if (!value->boolean()) reject(name, "true or false", *value);
  field = *value->boolean();
}

void AttributeReader::read(const std::string& name, double& field) {
  const Attribute* value = find(name);
  if (!value) return;
  if (!value->number() || !std::isfinite(*value->number())) reject(name, "a finite number", *value);
  field = *value->number();
}

void AttributeReader::read(const std::string& name, float& field) {
  double wide = field;
  read(name, wide);
  if (has(name)) field = static_cast<float>(wide);
}

void AttributeReader::read(const std::string& name, std::string& field) {
  const Attribute* value = find(name);
  if (!value) return;
  if (!value->text()) reject(name, "a text", *value);
  field = *value->text();
}

void AttributeReader::read(const std::string& name, int64_t& field, int64_t low, int64_t high) {
  if (const Attribute* value = find(name)) field = integer(name, *value, low, high);
}

void AttributeReader::read(const std::string& name, int32_t& field, int64_t low, int64_t high) {
  if (const Attribute* value = find(name))
    field = static_cast<int32_t>(integer(name, *value, low, high));
}

void AttributeReader::read(const std::string& name, std::vector<int64_t>& field, int64_t low,
                           int64_t high) {
  const Attribute* value = find(name);
  if (!value) return;
  if (!value->list()) reject(name, "a list of integers", *value);
  field.clear();
  for (size_t i = 0; i < value->list()->size(); ++i)
    field.push_back(integer(concat(name, "[", i, "]"), (*value->list())[i], low, high));
}

std::vector<double> AttributeReader::numbers(const std::string& name, size_t count) {
  const Attribute* value = find(name);
  if (!value) return {};
  const std::string expected = concat("a list of ", count, " finite numbers");
  if (!value->list() || value->list()->size() != count) reject(name, expected, *value);
  std::vector<double> numbers;
  for (const Attribute& item : *value->list()) {
    if (!item.number() || !std::isfinite(*item.number())) reject(name, expected, item);
    numbers.push_back(*item.number());
  }
  return numbers;
}

AttributeReader AttributeReader::child(const std::string& name) {
  const Attribute* value = find(name);
  if (value && !value->map()) reject(name, "attributes", *value);
  return AttributeReader(value ? *value->map() : kNone, name_ + "." + name);
}

void AttributeReader::finish() const {
  for (const auto& [name, value] : values_) {
    require(asked_.contains(name), Code::kInvalidArgument, name_, ": there is no attribute '", name,
            "'; expected one of ", joined(asked_), ", got ", describe(value), ".");
  }
}

}  // namespace vmolmo
