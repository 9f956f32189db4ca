#pragma once

#include "native/layers/family.h"

namespace vmolmo::sam2 {

// SAM 2 and 2.1 as a family of segmenters.
extern const SegmenterFamily kFamily;

// Of the original checkpoints ("original" or nothing), or those of Hugging Face ("transformers").
// Throws INVALID_ARGUMENT for other names.
TensorRules tensor_rules(const std::string& names);

}  // namespace vmolmo::sam2
