#pragma once

#include <cstdint>

#include "native/kernels/cuda/stream.h"
#include "native/tensor/activation.h"

namespace vmolmo::cuda {

// Layer norm over the channels of feature maps: y = act((x - mean) / sqrt(var + eps) * weight +
// bias), x and y [pixels, n] f32; y may be x, bias may be null.
struct ChannelNorm {
  const float* x = nullptr;
  const float* weight = nullptr;
  const float* bias = nullptr;
  float* y = nullptr;
  int64_t pixels = 0, n = 0;
  float eps = 0.0f;
  Activation activation = Activation::kNone;
};

// Up to 512 channels, in fours, and arrays that start at multiples of 16 bytes.
bool channel_norm_supports(const ChannelNorm& norm);
void channel_norm(Stream stream, const ChannelNorm& norm);

}  // namespace vmolmo::cuda
