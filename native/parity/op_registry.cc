#include "native/parity/op_registry.h"

#include "native/binding/errors.h"
#include "native/binding/registry.h"

namespace vmolmo::binding {

namespace {

// Filled before main by the Operation objects of the binding's files.
std::map<std::string, OperationBody>& operations() {
  static std::map<std::string, OperationBody> table;
  return table;
}

Attributes attributes_from(const Argument& argument) {
  Attributes attributes;
  if (!argument.present()) return attributes;
  const Napi::Array names = argument.object().GetPropertyNames();
  for (uint32_t i = 0; i < names.Length(); ++i) {
    const std::string name = names.Get(i).ToString().Utf8Value();
    const Argument value = argument[name.c_str()];
    if (value.value().IsBoolean()) {
      attributes.set(name, value.boolean());
    } else if (value.value().IsString()) {
      attributes.set(name, value.text());
    } else {
      attributes.set(name, value.number());
    }
  }
  return attributes;
}

Napi::Value run_op(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const std::string name = argument(info, 0, "name").text();
    const auto found = operations().find(name);
    require(found != operations().end(), Code::kInvalidArgument, "There is no operation \"", name,
            "\".");
    Loans loans;
    const Tensors inputs = borrow_tensors(argument(info, 1, "inputs"), loans);
    Context context(1);
    return to_js(info.Env(),
                 found->second(context, inputs, attributes_from(argument(info, 2, "attributes"))));
  });
}

const Registration registration([](Napi::Env env, Napi::Object exports) {
  exports.Set("runOp", Napi::Function::New(env, run_op, "runOp"));
});

template <typename T>
const T& read(const std::map<std::string, Attributes::Value>& values, const std::string& name,
              const char* kind) {
  const auto found = values.find(name);
  require(found != values.end(), Code::kInvalidArgument, "The attribute ", name, " is missing.");
  const T* value = std::get_if<T>(&found->second);
  require(value != nullptr, Code::kInvalidArgument, "The attribute ", name, " must be ", kind, ".");
  return *value;
}

}  // namespace

Operation::Operation(const char* name, OperationBody body) { operations()[name] = body; }

const Tensor& input(const Tensors& inputs, const std::string& name) {
  const auto found = inputs.find(name);
  require(found != inputs.end(), Code::kInvalidArgument, "The input ", name, " is missing.");
  return found->second;
}

double Attributes::number(const std::string& name) const {
  return read<double>(values_, name, "a number");
}
int64_t Attributes::integer(const std::string& name) const {
  return static_cast<int64_t>(number(name));
}
bool Attributes::boolean(const std::string& name) const {
  return read<bool>(values_, name, "true or false");
}
std::string Attributes::text(const std::string& name) const {
  return read<std::string>(values_, name, "a string");
}

}  // namespace vmolmo::binding
