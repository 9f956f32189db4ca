#include "native/binding/weights.h"

#include <charconv>
#include <string_view>

#include "native/binding/cancel.h"
#include "native/binding/errors.h"
#include "native/binding/registry.h"
#include "native/binding/tensors.h"

namespace vmolmo::binding {

namespace {

LoadOptions::Precision precision_of(const Argument& dtype) {
  const std::string name = dtype.text_or("stored");
  if (name == "fp32") return LoadOptions::Precision::kF32;
  if (name == "bf16") return LoadOptions::Precision::kBF16;
  if (name == "stored") return LoadOptions::Precision::kStored;
  dtype.reject("'fp32', 'bf16' or 'stored'");
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

}  // namespace

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

DType read_generated(const Argument& weights) {
  const std::string name = weights["stored"].text_or("fp32");
  if (name == "fp32") return DType::kF32;
  if (name == "bf16") return DType::kBF16;
  weights["stored"].reject("'fp32' or 'bf16'");
}

std::optional<size_t> read_bytes(const Argument& bytes) {
  constexpr int64_t kMost = int64_t{1} << 53;
  if (!bytes.present()) return {};
  return static_cast<size_t>(bytes.integer_in(0, kMost));
}

LoadOptions load_options(const Argument& options) {
  constexpr int64_t kMaxThreads = 1024;
  const Argument weights = options["weights"];
  LoadOptions read;
  read.hash = weights["hash"].boolean_or(false);
  if (read.hash) {
    read.adjustments = adjustments_of(weights["adjust"]);
    read.generated = read_generated(weights);
  } else {
    read.path = weights["path"].text();
  }
  read.precision = precision_of(options["dtype"]);
  const Argument threads = options["threads"];
  if (threads.present()) read.threads = static_cast<int>(threads.integer_in(0, kMaxThreads));
  read.device = read_device(options["device"]);
  read.memory_limit = read_bytes(options["memoryLimit"]).value_or(0);
  read.cancel = cancel_flag(options["cancel"]);
  return read;
}

std::shared_ptr<WeightSource> open_weights(const LoadOptions& options) {
  return options.hash ? hash_weights(options.adjustments, options.generated)
                      : open_safetensors(options.path);
}

void set_precision(WeightLoader& loader, LoadOptions::Precision precision) {
  loader.widen(precision == LoadOptions::Precision::kF32);
  loader.narrow(precision == LoadOptions::Precision::kBF16);
}

namespace {

Napi::Value list_tensors(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const Napi::Env env = info.Env();
    const auto source = open_safetensors(argument(info, 0, "path").text());
    auto rows = Napi::Array::New(env);
    for (const TensorInfo& tensor : source->list()) {
      auto row = Napi::Object::New(env);
      auto shape = Napi::Array::New(env);
      for (const int64_t dim : tensor.shape.dims()) {
        shape.Set(shape.Length(), static_cast<double>(dim));
      }
      row.Set("name", tensor.name);
      row.Set("dtype", dtype_name(tensor.dtype));
      row.Set("shape", shape);
      row.Set("file", tensor.file);
      rows.Set(rows.Length(), row);
    }
    return rows;
  });
}

Napi::Value read_tensors(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const auto source = open_safetensors(argument(info, 0, "path").text());
    const Argument names = argument(info, 1, "names");
    std::map<std::string, Shape> wanted;
    for (const TensorInfo& tensor : source->list()) {
      if (!names.present()) wanted[tensor.name] = tensor.shape;
    }
    if (names.present()) {
      std::map<std::string, Shape> all;
      for (const TensorInfo& tensor : source->list()) all[tensor.name] = tensor.shape;
      for (const Argument& name : names.items()) {
        const auto found = all.find(name.text());
        require(found != all.end(), Code::kInvalidArgument, "The file has no tensor ", name.text(),
                ".");
        wanted.insert(*found);
      }
    }
    Tensors tensors;
    // Copies: JavaScript may write into its arrays, and a mapped file is read-only.
    for (const auto& [name, shape] : wanted) {
      tensors[name] = source->get(name, shape).clone(cpu_heap());
    }
    return to_js(info.Env(), tensors);
  });
}

const Registration registration([](Napi::Env env, Napi::Object exports) {
  exports.Set("listTensors", Napi::Function::New(env, list_tensors, "listTensors"));
  exports.Set("readTensors", Napi::Function::New(env, read_tensors, "readTensors"));
});

}  // namespace

}  // namespace vmolmo::binding
