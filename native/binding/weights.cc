#include "native/binding/weights.h"

#include <array>
#include <charconv>
#include <string_view>
#include <utility>

#include "native/binding/errors.h"
#include "native/binding/registry.h"
#include "native/binding/tensors.h"

namespace vmolmo::binding {

namespace {

constexpr int kMaxDepth = 32;

Attribute attribute_of(const Argument& argument, int depth);

Attributes attributes_of(const Argument& argument, int depth) {
  if (depth > kMaxDepth) argument.reject("attributes that are less deep");
  Attributes attributes;
  const Napi::Array names = argument.object().GetPropertyNames();
  for (uint32_t i = 0; i < names.Length(); ++i) {
    const std::string name = names.Get(i).ToString().Utf8Value();
    const Argument value = argument[name.c_str()];
    if (value.present()) attributes.emplace(name, attribute_of(value, depth + 1));
  }
  return attributes;
}

Attribute attribute_of(const Argument& argument, int depth) {
  const Napi::Value value = argument.value();
  if (value.IsBoolean()) return argument.boolean();
  if (value.IsNumber()) return argument.number();
  if (value.IsString()) return argument.text();
  if (!value.IsArray()) return attributes_of(argument, depth);
  if (depth > kMaxDepth) argument.reject("attributes that are less deep");
  Attribute::List list;
  for (const Argument& item : argument.items()) list.push_back(attribute_of(item, depth + 1));
  return list;
}

std::map<std::string, HashAdjustment> adjustments_of(const Argument& adjust) {
  std::map<std::string, HashAdjustment> adjustments;
  if (!adjust.present()) return adjustments;
  const Napi::Array names = adjust.object().GetPropertyNames();
  for (uint32_t i = 0; i < names.Length(); ++i) {
    const std::string name = names.Get(i).ToString().Utf8Value();
    const Argument change = adjust[name.c_str()];
    adjustments[name] = {change["mul"].number_or(1.0), change["add"].number_or(0.0)};
  }
  return adjustments;
}

WeightDType read_dtype(const Argument& argument) {
  constexpr std::array<std::pair<std::string_view, WeightDType>, 6> kNames{
      {{"stored", WeightDType::kStored},
       {"fp32", WeightDType::kF32},
       {"bf16", WeightDType::kBF16},
       {"int8", WeightDType::kInt8},
       {"int4", WeightDType::kInt4},
       {"fp4", WeightDType::kFp4}}};
  const std::string name = argument.text_or("stored");
  for (const auto& [known, dtype] : kNames)
    if (name == known) return dtype;
  argument.reject("'stored', 'fp32', 'bf16', 'int8', 'int4' or 'fp4'");
}

DType read_generated(const Argument& stored) {
  const std::string name = stored.text_or("fp32");
  if (name == "fp32") return DType::kF32;
  if (name == "bf16") return DType::kBF16;
  stored.reject("'fp32' or 'bf16'");
}

// How the weights' files are read, by "mmap": true, false, or absent.
FileAccess read_access(const Argument& mmap) {
  if (!mmap.present()) return FileAccess::kAuto;
  return mmap.boolean() ? FileAccess::kMap : FileAccess::kRead;
}

}  // namespace

Attributes read_attributes(const Argument& attributes) { return attributes_of(attributes, 0); }

std::function<std::shared_ptr<WeightSource>(EngineThread&)> read_weights(const Argument& options) {
  const Argument given = options["weights"];
  if (given["hash"].boolean_or(false)) {
    return [adjustments = adjustments_of(given["adjust"]),
            generated = read_generated(given["stored"])](EngineThread&) {
      return hash_weights(adjustments, generated);
    };
  }
  const std::string path = given["path"].text();
  if (path.empty()) given["path"].reject("a path");
  return [path, access = read_access(given["mmap"])](EngineThread& engine) {
    auto source = open_weights(path, access);
    engine.watch(source);
    return source;
  };
}

LoadOptions read_load_options(const Argument& options) {
  constexpr int64_t kMaxThreads = 1024;
  LoadOptions read;
  read.names = options["names"].text_or("");
  read.dtype = read_dtype(options["dtype"]);
  read.int4_group = options["groupSize"].integer_or(read.int4_group);
  const Argument threads = options["threads"];
  if (threads.present()) read.threads = static_cast<int>(threads.integer_in(0, kMaxThreads));
  read.device = read_device(options["device"]);
  read.memory_limit = read_bytes(options["memoryLimit"]).value_or(0);
  return read;
}

Device read_device(const Argument& device) {
  const std::string name = device.text_or("cpu");
  if (name == "cpu") return {};
  if (name == "cuda") return {Device::Kind::kCuda, 0};
  constexpr std::string_view kPrefix = "cuda:";
  int index = 0;
  const char* end = name.data() + name.size();
  const bool indexed = name.starts_with(kPrefix) && name.size() > kPrefix.size();
  const auto parsed = std::from_chars(name.data() + (indexed ? kPrefix.size() : 0), end, index);
  if (!indexed || parsed.ec != std::errc{} || parsed.ptr != end || index < 0 || index > 1023) {
    device.reject("'cpu', 'cuda' or 'cuda:<index>'");
  }
  return {Device::Kind::kCuda, index};
}

std::optional<size_t> read_bytes(const Argument& bytes) {
  constexpr int64_t kMost = int64_t{1} << 53;
  if (!bytes.present()) return {};
  return static_cast<size_t>(bytes.integer_in(0, kMost));
}

namespace {

DType dtype_of_name(const Argument& name) {
  constexpr std::array kAll{DType::kF32, DType::kBF16, DType::kF16, DType::kI8,
                            DType::kU8,  DType::kI32,  DType::kI64, DType::kBool};
  const std::string text = name.text();
  for (const DType dtype : kAll)
    if (text == dtype_name(dtype)) return dtype;
  name.reject("a dtype of safetensors");
}

Napi::Value bytes(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const Argument options = argument(info, 0, "options");
    std::vector<TensorInfo> tensors;
    for (const Argument& row : options["tensors"].items()) {
      const std::vector<int64_t> dims = row["shape"].integers();
      if (dims.size() > Shape::kMaxRank) row["shape"].reject("at most 6 extents");
      tensors.push_back({row["name"].text(),
                         dtype_of_name(row["dtype"]),
                         Shape(std::span<const int64_t>(dims)),
                         {}});
    }
    const int64_t count =
        weight_bytes(options["family"].text(), read_attributes(options["attributes"]), tensors,
                     read_load_options(options));
    return Napi::Number::New(info.Env(), static_cast<double>(count));
  });
}

const Registration registration([](Napi::Env env, Napi::Object exports) {
  exports.Set("weightBytes", Napi::Function::New(env, bytes, "weightBytes"));
});

}  // namespace

}  // namespace vmolmo::binding
