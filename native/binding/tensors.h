#pragma once

#include <napi.h>

#include <map>
#include <memory>
#include <string>
#include <utility>

#include "native/base/cancel.h"
#include "native/binding/arguments.h"
#include "native/binding/buffers.h"
#include "native/ops/context.h"

namespace vmolmo::binding {

using Tensors = std::map<std::string, Tensor>;

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

// What every traced call returns beside its result.
struct Outcome {
  StageTimes times;
  std::shared_ptr<Tensors> tensors;  // null unless the call was traced

  // {times, tensors?}, to be completed by the caller.
  Napi::Object to_js(Napi::Env env) const;
};

// One call on a model's context: sets the cancel flag and, for a traced call, the recorder; clears
// the times; takes everything away again at its end. Engine thread only.
class CallScope {
 public:
  CallScope(Context& context, std::shared_ptr<const CancelFlag> cancel, bool trace = false);
  ~CallScope();
  CallScope(const CallScope&) = delete;
  CallScope& operator=(const CallScope&) = delete;

  Outcome outcome() const;

 private:
  class Trace;

  Context& context_;
  std::unique_ptr<Trace> trace_;
};

}  // namespace vmolmo::binding
