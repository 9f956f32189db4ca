#pragma once

#include "native/kernels/cuda/launch.cuh"
#include "native/ops/activation.h"

namespace vmolmo::cuda {

__device__ __forceinline__ float sigmoid(float x) { return 1.0f / (1.0f + expf(-x)); }

// ops::Activation, as kernels/cpu/reference.cc has it.
__device__ __forceinline__ float activate(float x, ops::Activation activation) {
  switch (activation) {
    case ops::Activation::kNone:
      break;
    case ops::Activation::kRelu:
      return x > 0.0f ? x : 0.0f;
    case ops::Activation::kGelu:
      return 0.5f * x * (1.0f + erff(x * 0.7071067811865476f));
    case ops::Activation::kQuickGelu:
      return x * sigmoid(1.702f * x);
    case ops::Activation::kSilu:
      return x * sigmoid(x);
    case ops::Activation::kSigmoid:
      return sigmoid(x);
  }
  return x;
}

}  // namespace vmolmo::cuda
