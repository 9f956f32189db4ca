#pragma once

#include <napi.h>

#include <map>
#include <memory>
#include <string>
#include <utility>

#include "native/binding/arguments.h"
#include "native/binding/buffers.h"
#include "videomolmo/call.h"

namespace vmolmo::binding {

using Tensors = NamedTensors;

// AddonTensor. The JavaScript array shares the tensor's memory, which must not be written
// afterwards. Strided tensors are copied; bf16 and f16 are widened to F32, booleans are U8, i8
// becomes I32.
Napi::Object to_js(Napi::Env env, const Tensor& tensor);
Napi::Object to_js(Napi::Env env, const Tensors& tensors);

// AddonTensor as a borrowed tensor (F32, I32, I64, U8).
Tensor borrow_tensor(const Argument& argument, Loans& loans);
Tensors borrow_tensors(const Argument& argument, Loans& loans);

// An F32 or I32 tensor over a borrowed typed array, of the given shape.
Tensor borrow_f32(const Argument& argument, Shape shape, Loans& loans);

Napi::Object to_js(Napi::Env env, const StageTimes& times);

// What a traced call records, copied: models reuse and overwrite their buffers.
class Trace : public Recorder {
 public:
  // Null for calls without a trace.
  static std::shared_ptr<Trace> when(bool wanted);
  void record(const std::string& name, const Tensor& tensor) override;
  const Tensors& tensors() const { return tensors_; }

 private:
  Tensors tensors_;
};

// {times, tensors?}, to be completed by the caller. `trace` may be null.
Napi::Object outcome(Napi::Env env, const StageTimes& times, const std::shared_ptr<Trace>& trace);

}  // namespace vmolmo::binding
