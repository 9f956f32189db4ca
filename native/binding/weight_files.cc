// Files of weights without a model: what is in them, and other files made of them.

#include "native/binding/cancel.h"
#include "native/binding/engine_thread.h"
#include "native/binding/registry.h"
#include "native/binding/tensors.h"
#include "native/binding/weights.h"
#include "videomolmo/weights.h"

namespace vmolmo::binding {

namespace {

Napi::Value list_tensors(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const Napi::Env env = info.Env();
    const auto source = vmolmo::open_weights(argument(info, 0, "path").text());
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
    const auto source = vmolmo::open_weights(argument(info, 0, "path").text());
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
    source->check_intact();
    return to_js(info.Env(), tensors);
  });
}

SaveOptions save_options(const Argument& given) {
  SaveOptions options;
  const std::string dtype = given["dtype"].text_or("stored");
  if (dtype == "fp32") options.dtype = DType::kF32;
  if (dtype == "bf16") options.dtype = DType::kBF16;
  if (!options.dtype && dtype != "stored") given["dtype"].reject("'stored', 'fp32' or 'bf16'");
  options.shard_bytes = read_bytes(given["shardBytes"]).value_or(0);
  return options;
}

// On a thread of its own, which ends with it.
Napi::Value save(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const Argument given = argument(info, 2, "options");
    SaveOptions options = save_options(given);
    Job job;
    job.cancel = cancel_flag(given["cancel"]);
    options.cancel = job.cancel;
    job.work = [from = argument(info, 0, "from").text(), to = argument(info, 1, "to").text(),
                options]() -> Finish {
      const auto source = vmolmo::open_weights(from);
      const std::vector<std::string> written = save_weights(*source, to, options);
      return [written](Napi::Env env) -> Napi::Value {
        auto paths = Napi::Array::New(env);
        for (const std::string& path : written)
          paths.Set(paths.Length(), Napi::String::New(env, path));
        return paths;
      };
    };
    return EngineThread::create(info.Env(), "conversion")->submit(info.Env(), std::move(job));
  });
}

Napi::Value is_remote_file(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    return Napi::Boolean::New(info.Env(), is_remote(argument(info, 0, "path").text()));
  });
}

const Registration registration([](Napi::Env env, Napi::Object exports) {
  exports.Set("listTensors", Napi::Function::New(env, list_tensors, "listTensors"));
  exports.Set("saveWeights", Napi::Function::New(env, save, "saveWeights"));
  exports.Set("isRemoteFile", Napi::Function::New(env, is_remote_file, "isRemoteFile"));
  exports.Set("readTensors", Napi::Function::New(env, read_tensors, "readTensors"));
});

}  // namespace

}  // namespace vmolmo::binding
