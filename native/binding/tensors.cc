#include "native/binding/tensors.h"

#include <vector>

namespace vmolmo::binding {

namespace {

Napi::Array shape_to_js(Napi::Env env, const Shape& shape) {
  auto dims = Napi::Array::New(env, static_cast<size_t>(shape.rank()));
  for (int axis = 0; axis < shape.rank(); ++axis) {
    dims.Set(static_cast<uint32_t>(axis), Napi::Number::New(env, static_cast<double>(shape[axis])));
  }
  return dims;
}

Tensor widen_i8(const Tensor& tensor) {
  Tensor wide = Tensor::empty(cpu_heap(), tensor.shape(), DType::kI32);
  for (int64_t i = 0; i < tensor.numel(); ++i) wide.data<int32_t>()[i] = tensor.data<int8_t>()[i];
  return wide;
}

// Contiguous, on the CPU, and of a dtype that JavaScript has an array for.
Tensor presentable(const Tensor& tensor) {
  if (tensor.device().kind != Device::Kind::kCpu) return presentable(tensor.clone(cpu_heap()));
  switch (tensor.dtype()) {
    case DType::kBF16:
    case DType::kF16:
      return tensor.to_f32(cpu_heap());
    case DType::kI8:
      return widen_i8(tensor.is_contiguous() ? tensor : tensor.clone(cpu_heap()));
    default:
      return tensor.is_contiguous() ? tensor : tensor.clone(cpu_heap());
  }
}

struct ArrayKind {
  const char* dtype;
  napi_typedarray_type type;
};

ArrayKind array_kind(DType dtype) {
  switch (dtype) {
    case DType::kF32:
      return {"F32", napi_float32_array};
    case DType::kI32:
      return {"I32", napi_int32_array};
    case DType::kI64:
      return {"I64", napi_bigint64_array};
    case DType::kU8:
    case DType::kBool:
      return {"U8", napi_uint8_array};
    default:
      fail(Code::kInternal, "No JavaScript array holds ", dtype, ".");
  }
}

Shape shape_of(const Argument& argument) {
  const std::vector<int64_t> dims = argument.integers();
  require(dims.size() <= Shape::kMaxRank, Code::kInvalidArgument, argument.name(),
          " must have at most ", Shape::kMaxRank, " extents, but has ", dims.size(), ".");
  for (const int64_t dim : dims) {
    require(dim >= 0, Code::kInvalidArgument, argument.name(), " has a negative extent, ", dim,
            ".");
  }
  return Shape(std::span<const int64_t>(dims));
}

template <typename T>
Tensor borrow_as(const Argument& argument, const Shape& shape, Loans& loans) {
  const auto data = borrow<T>(argument, loans);
  require(static_cast<int64_t>(data.size()) == shape.numel(), Code::kInvalidArgument,
          argument.name(), " must have ", shape.numel(), " elements for the shape ", shape,
          ", but has ", data.size(), ".");
  return Tensor::borrow(data.data(), shape, dtype_of<T>());
}

}  // namespace

Napi::Object to_js(Napi::Env env, const Tensor& tensor) {
  auto object = Napi::Object::New(env);
  const Tensor shown = presentable(tensor);
  const ArrayKind kind = array_kind(shown.dtype());
  auto owner = std::make_shared<Tensor>(shown);
  const Napi::ArrayBuffer buffer = lend_to_js(env, shown.raw(), shown.bytes(), owner);
  napi_value array = nullptr;
  const napi_status status =
      napi_create_typedarray(env, kind.type, static_cast<size_t>(shown.numel()), buffer, 0, &array);
  require(status == napi_ok, Code::kInternal, "A result array could not be made.");
  object.Set("dtype", Napi::String::New(env, kind.dtype));
  object.Set("shape", shape_to_js(env, tensor.shape()));
  object.Set("data", Napi::Value(env, array));
  return object;
}

Napi::Object to_js(Napi::Env env, const Tensors& tensors) {
  auto object = Napi::Object::New(env);
  for (const auto& [name, tensor] : tensors) object.Set(name, to_js(env, tensor));
  return object;
}

Tensor borrow_tensor(const Argument& argument, Loans& loans) {
  const std::string dtype = argument["dtype"].text();
  const Shape shape = shape_of(argument["shape"]);
  const Argument data = argument["data"];
  if (dtype == "F32") return borrow_as<float>(data, shape, loans);
  if (dtype == "I32") return borrow_as<int32_t>(data, shape, loans);
  if (dtype == "I64") return borrow_as<int64_t>(data, shape, loans);
  if (dtype == "U8") return borrow_as<uint8_t>(data, shape, loans);
  argument["dtype"].reject("'F32', 'I32', 'I64' or 'U8'");
}

Tensors borrow_tensors(const Argument& argument, Loans& loans) {
  Tensors tensors;
  if (!argument.present()) return tensors;
  const Napi::Array names = argument.object().GetPropertyNames();
  for (uint32_t i = 0; i < names.Length(); ++i) {
    const std::string name = names.Get(i).ToString().Utf8Value();
    tensors[name] = borrow_tensor(argument[name.c_str()], loans);
  }
  return tensors;
}

Tensor borrow_f32(const Argument& argument, Shape shape, Loans& loans) {
  return borrow_as<float>(argument, shape, loans);
}

Napi::Object to_js(Napi::Env env, const StageTimes& times) {
  auto object = Napi::Object::New(env);
  for (const auto& [stage, milliseconds] : times) {
    object.Set(stage, Napi::Number::New(env, milliseconds));
  }
  return object;
}

std::shared_ptr<Trace> Trace::when(bool wanted) {
  return wanted ? std::make_shared<Trace>() : nullptr;
}

void Trace::record(const std::string& name, const Tensor& tensor) {
  tensors_[name] = tensor.clone(cpu_heap());
}

Napi::Object outcome(Napi::Env env, const StageTimes& times, const std::shared_ptr<Trace>& trace) {
  auto object = Napi::Object::New(env);
  object.Set("times", to_js(env, times));
  if (trace) object.Set("tensors", to_js(env, trace->tensors()));
  return object;
}

}  // namespace vmolmo::binding
