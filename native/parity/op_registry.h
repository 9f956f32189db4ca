#pragma once

#include <functional>
#include <map>
#include <string>
#include <variant>

#include "native/binding/tensors.h"
#include "native/ops/context.h"

namespace vmolmo::binding {

// The attributes of a runOp call. Readers throw INVALID_ARGUMENT naming a missing one.
class Attributes {
 public:
  using Value = std::variant<double, bool, std::string>;

  void set(const std::string& name, Value value) { values_[name] = std::move(value); }
  bool has(const std::string& name) const { return values_.contains(name); }
  double number(const std::string& name) const;
  int64_t integer(const std::string& name) const;
  bool boolean(const std::string& name) const;
  std::string text(const std::string& name) const;

 private:
  std::map<std::string, Value> values_;
};

// A unit that golden sets test by name, reached through ParityAddon.runOp:
//   const Operation resize("resize_pillow_bicubic", [](Context& context, const Tensors& in,
//                                                      const Attributes& attributes) -> Tensors {
//                                                      ... });
using OperationBody = Tensors (*)(Context&, const Tensors&, const Attributes&);

class Operation {
 public:
  Operation(const char* name, OperationBody body);
};

// A named input of an operation; throws INVALID_ARGUMENT when it is missing.
const Tensor& input(const Tensors& inputs, const std::string& name);

}  // namespace vmolmo::binding
