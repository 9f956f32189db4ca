#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "native/weights/pickle.h"
#include "native/weights/weight_source.h"
#include "native/weights/zip_archive.h"

namespace vmolmo {

// A tensor's elements in a PyTorch file: where they begin, how far they lie apart, what they are.
struct TorchView {
  enum class Stored : uint8_t { kAsIs, kF64, kI16 };

  uint64_t begin = 0;            // of the element with all indices 0, in bytes from the beginning
  std::vector<int64_t> strides;  // in elements
  uint8_t element = 0;           // bytes of an element in the file
  Stored stored = Stored::kAsIs;
};

// An opened PyTorch file, by its parts.
struct TorchContainer {
  const WeightFile& file;
  const ZipArchive& archive;
  const Pickle& pickle;
  const std::string& root;  // the archive's folder, with the slash behind it
};

// Every name that the pickle of a state dict may use.
std::vector<std::string_view> torch_globals();

// A tensor's description and view out of what the pickle says about it, checked against the file's
// storages; nothing where the value is no tensor. Throws CHECKPOINT_INVALID naming the tensor.
std::optional<std::pair<TensorInfo, TorchView>> read_torch_tensor(const TorchContainer& container,
                                                                  const std::string& name,
                                                                  const PickleValue& value);

}  // namespace vmolmo
