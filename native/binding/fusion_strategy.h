#pragma once

#include "native/binding/arguments.h"
#include "native/kernels/fusion_rule.h"

namespace vmolmo::binding {

// By its name; 'bidirectional' for an absent one.
FusionStrategy strategy_of(const Argument& argument);

}  // namespace vmolmo::binding
