#pragma once

#include <memory>
#include <string>

#include "native/weights/weight_source.h"
#include "videomolmo/pointer.h"
#include "videomolmo/segmenter.h"

namespace vmolmo {

// What the engine asks of a family of models, whichever part of its work they do. Attributes are
// read, checked and completed by the family alone; every function throws INVALID_ARGUMENT naming
// the attribute that is wrong.
template <typename Model, typename Memory>
struct Family {
  const char* name;
  std::unique_ptr<Model> (*load)(const Attributes& attributes,
                                 std::shared_ptr<WeightSource> weights, const LoadOptions& options);
  // What the work takes beside the weights where `available` bytes are there for it.
  Memory (*memory)(const Attributes& attributes, Device::Kind device, size_t available);
  // How the loader takes a checkpoint; `names` as LoadOptions has it.
  TensorRules (*tensors)(const Attributes& attributes, const std::string& names);
};

using PointerFamily = Family<Pointer, PointerMemory>;
using SegmenterFamily = Family<Segmenter, SegmenterMemory>;

// Adds a family to those of table.cc for as long as the process lives; for families outside of the
// library, before the first model is loaded:
//   const FamilyRegistration toy(kToyFamily);
struct FamilyRegistration {
  explicit FamilyRegistration(const PointerFamily& family);
  explicit FamilyRegistration(const SegmenterFamily& family);
};

}  // namespace vmolmo
