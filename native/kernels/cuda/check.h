#pragma once

#include <cuda_runtime_api.h>

#include "videomolmo/status.h"

namespace vmolmo::cuda {

// Throws unless `error` is cudaSuccess: OUT_OF_MEMORY for a refused allocation, else
// DEVICE_UNAVAILABLE. `what` completes "CUDA could not ...".
inline void check(cudaError_t error, const char* what) {
  if (error == cudaSuccess) [[likely]]
    return;
  cudaGetLastError();  // a reported error must not be reported again by the next call
  fail(error == cudaErrorMemoryAllocation ? Code::kOutOfMemory : Code::kDeviceUnavailable,
       "CUDA could not ", what, ": ", cudaGetErrorString(error), ".");
}

}  // namespace vmolmo::cuda
