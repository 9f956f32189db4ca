#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "native/binding/engine_thread.h"
#include "videomolmo/load.h"

namespace vmolmo::binding {

// The parts of AddonLoadOptions: read on the JavaScript thread, used on the engine thread.

// AddonAttributes; null counts as absent. Throws INVALID_ARGUMENT for what JSON cannot say.
Attributes read_attributes(const Argument& attributes);
// How to get at the weights; to be called on the engine thread.
std::function<std::shared_ptr<WeightSource>(EngineThread&)> read_weights(const Argument& options);
// Everything else but the cancel flag.
LoadOptions read_load_options(const Argument& options);

// "cpu", "cuda" or "cuda:<index>"; absent: the CPU.
Device read_device(const Argument& device);
// A number of bytes; nothing when absent.
std::optional<size_t> read_bytes(const Argument& bytes);

}  // namespace vmolmo::binding
