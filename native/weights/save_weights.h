#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "native/base/cancel.h"
#include "native/weights/weight_source.h"

namespace vmolmo {

struct SaveOptions {
  // What floating tensors become, F32 or BF16; as they are when absent. Others never change.
  std::optional<DType> dtype;
  // Most bytes of tensors in one file; 0: one file. A tensor that is larger has a file of its own.
  uint64_t shard_bytes = 0;
  std::shared_ptr<const CancelFlag> cancel;
};

// Writes a source's tensors as safetensors: into `path` itself where that ends in ".safetensors",
// else into the folder `path`, as model.safetensors or as shards with their index. A file appears
// under its name when it is complete. A few MiB are held beside what the
// source holds of one tensor. Gives the
// paths written.
//
// Throws INVALID_ARGUMENT where the disk is full or cannot be written, CHECKPOINT_INVALID where
// values to be rounded are not finite or the source is damaged, ABORTED.
std::vector<std::string> save_weights(WeightSource& source, const std::string& path,
                                      const SaveOptions& options);

}  // namespace vmolmo
