#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "native/base/cancel.h"
#include "native/binding/arguments.h"
#include "native/weights/weight_source.h"

namespace vmolmo::binding {

// AddonLoadOptions without the model's configuration: read on the JavaScript thread, used on the
// engine thread.
struct LoadOptions {
  enum class Precision : uint8_t { kStored, kF32, kBF16 };

  std::string path;
  FileAccess files = FileAccess::kAuto;
  bool hash = false;
  std::map<std::string, HashAdjustment> adjustments;
  DType generated = DType::kF32;
  Precision precision = Precision::kStored;
  int threads = 0;
  Device device;
  size_t memory_limit = 0;
  std::shared_ptr<CancelFlag> cancel;
};

// "cpu", "cuda" or "cuda:<index>"; absent: the CPU.
Device read_device(const Argument& device);

// What generated weights are stored as: "fp32" (also when absent) or "bf16".
DType read_generated(const Argument& weights);

// How the weights' files are read, by "mmap": true, false, or absent.
FileAccess read_access(const Argument& weights);

// A number of bytes; nothing when absent.
std::optional<size_t> read_bytes(const Argument& bytes);

LoadOptions load_options(const Argument& options);

// Opens the weights that the options name; maps the files and checks their headers.
std::shared_ptr<WeightSource> open_weights(const LoadOptions& options);

// Tells the loader how matrices are to be held.
void set_precision(WeightLoader& loader, LoadOptions::Precision precision);

}  // namespace vmolmo::binding
