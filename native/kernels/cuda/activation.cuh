#pragma once

#include "native/kernels/cuda/launch.cuh"
#include "native/tensor/activation.h"

namespace vmolmo::cuda {

__device__ __forceinline__ float sigmoid(float x) { return 1.0f / (1.0f + expf(-x)); }

// Activation, as kernels/cpu/reference.cc has it.
__device__ __forceinline__ float activate(float x, Activation activation) {
  switch (activation) {
    case Activation::kNone:
      break;
    case Activation::kRelu:
      return x > 0.0f ? x : 0.0f;
    case Activation::kGelu:
      return 0.5f * x * (1.0f + erff(x * 0.7071067811865476f));
    case Activation::kQuickGelu:
      return x * sigmoid(1.702f * x);
    case Activation::kSilu:
      return x * sigmoid(x);
    case Activation::kSigmoid:
      return sigmoid(x);
  }
  return x;
}

}  // namespace vmolmo::cuda
