// What models need beside their weights, from their attributes alone.

#include <cstdint>

#include "native/binding/errors.h"
#include "native/binding/numbers.h"
#include "native/binding/registry.h"
#include "native/binding/weights.h"
#include "videomolmo/pointer.h"
#include "videomolmo/segmenter.h"

namespace vmolmo::binding {
namespace {

// AddonWorkMemory.
Numbers work_of(Napi::Env env, const WorkMemory& memory) {
  Numbers numbers(env);
  numbers.set("leastBytes", memory.least_bytes)
      .set("bytes", memory.bytes)
      .set("frameBytes", memory.frame_bytes)
      .set("activationBytes", memory.activation_bytes);
  return numbers;
}

// Calls `memory_of` with what AddonMemoryOptions say.
template <typename Memory>
Memory ask(const Argument& given,
           Memory (*memory_of)(const std::string&, const Attributes&, Device, size_t)) {
  return memory_of(given["family"].text(), read_attributes(given["attributes"]),
                   read_device(given["device"]), read_bytes(given["available"]).value_or(SIZE_MAX));
}

Napi::Value of_pointer(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const PointerMemory memory = ask(argument(info, 0, "options"), pointer_memory);
    return work_of(info.Env(), memory)
        .set("sequences", memory.sequences)
        .set("frames", memory.frames)
        .set("positions", memory.positions)
        .set("sequenceBytes", memory.sequence_bytes)
        .object();
  });
}

Napi::Value of_segmenter(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const SegmenterMemory memory = ask(argument(info, 0, "options"), segmenter_memory);
    return work_of(info.Env(), memory)
        .set("objects", memory.objects)
        .set("objectBytes", memory.object_bytes)
        .object();
  });
}

Napi::Array names_to_js(Napi::Env env, const std::vector<std::string>& names) {
  auto array = Napi::Array::New(env);
  for (const std::string& name : names) array.Set(array.Length(), name);
  return array;
}

Napi::Value families(const Napi::CallbackInfo& info) {
  auto object = Napi::Object::New(info.Env());
  object.Set("pointer", names_to_js(info.Env(), pointer_families()));
  object.Set("segmenter", names_to_js(info.Env(), segmenter_families()));
  return object;
}

const Registration registration([](Napi::Env env, Napi::Object exports) {
  exports.Set("pointerMemory", Napi::Function::New(env, of_pointer, "pointerMemory"));
  exports.Set("segmenterMemory", Napi::Function::New(env, of_segmenter, "segmenterMemory"));
  exports.Set("families", Napi::Function::New(env, families, "families"));
});

}  // namespace
}  // namespace vmolmo::binding
