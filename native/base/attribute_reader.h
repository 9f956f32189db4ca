#pragma once

#include <cstdint>
#include <initializer_list>
#include <set>
#include <string>
#include <vector>

#include "videomolmo/attributes.h"

namespace vmolmo {

// Reads attributes into the fields of a family's configuration, which have their defaults: what is
// not there leaves its field alone. Throws INVALID_ARGUMENT with the attribute's full name, what
// was expected and what came; finish() refuses whatever nothing has asked for.
class AttributeReader {
 public:
  explicit AttributeReader(const Attributes& values, std::string name = "attributes");

  void read(const std::string& name, bool& field);
  void read(const std::string& name, double& field);
  void read(const std::string& name, float& field);
  void read(const std::string& name, std::string& field);
  void read(const std::string& name, int64_t& field, int64_t low, int64_t high);
  void read(const std::string& name, int32_t& field, int64_t low, int64_t high);
  // Of any length.
  void read(const std::string& name, std::vector<int64_t>& field, int64_t low, int64_t high);
  // Of the field's own length.
  template <typename Array>
  void read_all(const std::string& name, Array& field) {
    const std::vector<double> values = numbers(name, field.size());
    for (size_t i = 0; i < values.size(); ++i)
      field[i] = static_cast<typename Array::value_type>(values[i]);
  }

  bool has(const std::string& name) const;
  // The attributes of an attribute; none where it is not there.
  AttributeReader child(const std::string& name);
  void finish() const;

 private:
  const Attribute* find(const std::string& name);
  [[noreturn]] void reject(const std::string& name, const std::string& expected,
                           const Attribute& got) const;
  int64_t integer(const std::string& name, const Attribute& value, int64_t low, int64_t high) const;
  std::vector<double> numbers(const std::string& name, size_t count);

  const Attributes& values_;
  std::string name_;
  std::set<std::string> asked_;
};

}  // namespace vmolmo
