#pragma once

#include "native/binding/arguments.h"
#include "videomolmo/pointer_config.h"

namespace vmolmo::binding {

// AddonMolmoConfig, field by field. Throws INVALID_ARGUMENT naming a missing or misfit field; what
// the fields mean together is MolmoConfig::validate()'s to judge.
MolmoConfig read_molmo_config(const Argument& argument);

}  // namespace vmolmo::binding
