#pragma once

#include <napi.h>

#include <memory>
#include <utility>

#include "native/binding/cancel.h"
#include "native/binding/engine_thread.h"
#include "native/binding/errors.h"
#include "native/binding/numbers.h"

namespace vmolmo::binding {

// AddonPointer.memory() and AddonSegmenter.memory(): behind the calls before it.
template <typename Model>
Napi::Value submit_memory_use(const Napi::CallbackInfo& info, EngineThread& engine,
                              std::shared_ptr<Slot<Model>> model) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    Job job;
    job.cancel = cancel_flag(Argument(info.Env().Undefined(), "cancel"));
    job.work = [model = std::move(model)]() -> Finish {
      const MemoryUse use = model->get()->memory_use();
      return [use](Napi::Env env) -> Napi::Value {
        return Numbers(env)
            .set("taken", use.taken)
            .set("idle", use.idle)
            .set("peak", use.peak)
            .set("pinned", use.pinned)
            .set("allocations", use.allocations)
            .object();
      };
    };
    return engine.submit(info.Env(), std::move(job));
  });
}

}  // namespace vmolmo::binding
