#pragma once

#include "native/kernels/cuda/launch.cuh"

// Bilinear samples with half-pixel centres. Every step is rounded by itself: a fused product would
// give other bits than the CPU does, and put samples on other sides of a pixel or of a threshold.
namespace vmolmo::cuda {

// Where output i of an axis lies in the input. scale = in / out.
__device__ __forceinline__ float source_of(int i, float scale) {
  return __fadd_rn(__fmul_rn(scale, __fadd_rn(static_cast<float>(i), 0.5f)), -0.5f);
}

struct LinearTap {
  int low, high;
  float weight, rest;  // of high and of low
  __device__ __forceinline__ LinearTap(int i, int in, float scale) {
    const float source = fmaxf(source_of(i, scale), 0.0f);
    low = min(static_cast<int>(source), in - 1);
    high = min(low + 1, in - 1);
    weight = __fadd_rn(source, -static_cast<float>(low));
    rest = __fadd_rn(1.0f, -weight);
  }
  __device__ __forceinline__ float mix(float at_low, float at_high) const {
    return __fadd_rn(__fmul_rn(rest, at_low), __fmul_rn(weight, at_high));
  }
};

}  // namespace vmolmo::cuda
