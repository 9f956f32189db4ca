#include <napi.h>

#include "native/binding/errors.h"
#include "native/binding/handle.h"
#include "native/binding/registry.h"
#include "videomolmo/system.h"

#ifndef VMOLMO_VERSION
#define VMOLMO_VERSION "0.0.0"
#endif

namespace vmolmo::binding {

void Registration::run_all(Napi::Env env, Napi::Object exports) {
  for (const Registration* entry = first_; entry != nullptr; entry = entry->next_) {
    entry->function_(env, exports);
  }
}

namespace {

Napi::Value version(const Napi::CallbackInfo& info) {
  return Napi::String::New(info.Env(), VMOLMO_VERSION);
}

Napi::Value cpu(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const Napi::Env env = info.Env();
    const CpuStatus status = cpu_status();
    auto available = Napi::Array::New(env);
    for (const std::string& name : status.available) available.Set(available.Length(), name);
    auto result = Napi::Object::New(env);
    result.Set("selected", status.selected);
    result.Set("available", available);
    result.Set("cores", status.cores);
    return result;
  });
}

Napi::Object describe_cublaslt(Napi::Env env) {
  const CublasLtStatus& status = cublaslt_status();
  auto result = Napi::Object::New(env);
  if (!status.found) {
    result.Set("reason", status.message);
    return result;
  }
  result.Set("version", concat(status.version / 10000, ".", status.version / 100 % 100, ".",
                               status.version % 100));
  result.Set("path", status.path);
  return result;
}

Napi::Value cuda(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const Napi::Env env = info.Env();
    const CudaStatus status = cuda_status();
    auto devices = Napi::Array::New(env);
    for (const CudaDevice& device : status.devices) {
      auto entry = Napi::Object::New(env);
      entry.Set("name", device.name);
      entry.Set("computeCapability", concat(device.compute_major, ".", device.compute_minor));
      entry.Set("totalBytes", static_cast<double>(device.total_bytes));
      entry.Set("freeBytes", static_cast<double>(device.free_bytes));
      devices.Set(devices.Length(), entry);
    }
    auto result = Napi::Object::New(env);
    result.Set("built", status.built);
    if (status.driver_version > 0) {
      result.Set("driverVersion",
                 concat(status.driver_version / 1000, ".", status.driver_version % 1000 / 10));
    } else {
      result.Set("driverVersion", env.Null());
    }
    if (status.message.empty()) {
      result.Set("reason", env.Null());
    } else {
      result.Set("reason", status.message);
    }
    result.Set("devices", devices);
    result.Set("cublasLt", describe_cublaslt(env));
    return result;
  });
}

Napi::Object init(Napi::Env env, Napi::Object exports) {
  env.SetInstanceData(new AddonData);
  exports.Set("version", Napi::Function::New(env, version, "version"));
  exports.Set("cpu", Napi::Function::New(env, cpu, "cpu"));
  exports.Set("cuda", Napi::Function::New(env, cuda, "cuda"));
  Registration::run_all(env, exports);
  return exports;
}

}  // namespace

NODE_API_MODULE(videomolmo, init)

}  // namespace vmolmo::binding
