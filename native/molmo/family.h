#pragma once

#include "native/layers/family.h"
#include "native/weights/weight_source.h"

namespace vmolmo {

// Molmo and VideoMolmo as a family of pointers.
extern const PointerFamily kMolmoFamily;

// Of the checkpoints as they are on Hugging Face, which have one set of names. Throws
// INVALID_ARGUMENT for others.
TensorRules molmo_tensors(const std::string& names = {});

}  // namespace vmolmo
