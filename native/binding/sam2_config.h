#pragma once

#include "native/binding/arguments.h"
#include "videomolmo/segmenter.h"

namespace vmolmo::binding {

// AddonSam2Config, field by field. Throws INVALID_ARGUMENT naming a missing or misfit field;
// whether the numbers fit together is for sam2::validate to judge.
Sam2Config read_sam2_config(const Argument& argument);

}  // namespace vmolmo::binding
