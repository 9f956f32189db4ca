#pragma once

// MolmoConfig is part of the public face; see include/videomolmo/pointer_config.h.
#include "videomolmo/pointer_config.h"
