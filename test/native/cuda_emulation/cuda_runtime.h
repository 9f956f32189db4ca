#pragma once

// See cuda_runtime_api.h. This half is what kernels see.

#include "test/native/cuda_emulation/cuda_runtime_api.h"
#include "test/native/cuda_emulation/device_functions.h"
#include "test/native/cuda_emulation/execution.h"
