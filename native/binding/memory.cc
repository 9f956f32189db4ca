// What models need beside their weights, from their configurations alone.

#include <cstdint>

#include "native/binding/arguments.h"
#include "native/binding/errors.h"
#include "native/binding/numbers.h"
#include "native/binding/pointer_config.h"
#include "native/binding/registry.h"
#include "native/binding/sam2_config.h"
#include "native/binding/weights.h"
#include "native/molmo/memory_plan.h"
#include "native/sam2/config.h"
#include "native/sam2/memory_needs.h"

namespace vmolmo::binding {
namespace {

Napi::Value pointer_memory(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const Argument given = argument(info, 0, "options");
    const MolmoConfig config = read_molmo_config(given["config"]);
    config.validate();
    const Device::Kind kind = read_device(given["device"]).kind;
    const size_t available = read_bytes(given["available"]).value_or(SIZE_MAX);
    const BatchSizes best = best_batch_sizes(kind, config.previous_frames);
    const PointerPlan least = plan_pointer(config, best, kind, 0);
    const PointerPlan plan = plan_pointer(config, best, kind, available);
    return Numbers(info.Env())
        .set("leastBytes", least.bytes)
        .set("bytes", plan.bytes)
        .set("sequences", plan.sizes.sequences)
        .set("frames", plan.sizes.frames)
        .set("positions", plan.needs.positions)
        .set("sequenceBytes", plan.needs.sequence)
        .set("frameBytes", plan.needs.frame)
        .set("activationBytes", plan.needs.work)
        .object();
  });
}

Napi::Value segmenter_memory(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const Argument given = argument(info, 0, "options");
    const Sam2Config config = read_sam2_config(given["config"]);
    sam2::validate(config);
    const Device::Kind kind = read_device(given["device"]).kind;
    const size_t available = read_bytes(given["available"]).value_or(SIZE_MAX);
    const sam2::MemoryNeeds needs = sam2::memory_needs(config, kind);
    const int64_t objects = sam2::planned_objects(needs, available);
    return Numbers(info.Env())
        .set("leastBytes", needs.bytes(1))
        .set("bytes", needs.bytes(objects))
        .set("objects", objects)
        .set("frameBytes", needs.frame)
        .set("objectBytes", needs.object)
        .set("activationBytes", needs.work)
        .object();
  });
}

const Registration registration([](Napi::Env env, Napi::Object exports) {
  exports.Set("pointerMemory", Napi::Function::New(env, pointer_memory, "pointerMemory"));
  exports.Set("segmenterMemory", Napi::Function::New(env, segmenter_memory, "segmenterMemory"));
});

}  // namespace
}  // namespace vmolmo::binding
