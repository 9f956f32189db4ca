#pragma once

// CancelFlag is part of the public face; see include/videomolmo/cancel.h.
#include "videomolmo/cancel.h"
