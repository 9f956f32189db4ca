#pragma once

#include <cstdint>

#include "native/kernels/cuda/stream.h"

// Operands of a convolution as those of a tensor-core product.
namespace vmolmo::cuda {

// Pictures x [batch, height, width, channels] f32 -> y [batch, lines, columns, packed] bf16: each
// lies `padding` lines and columns inside, everything else is zero. columns * packed is a multiple
// of 8; y has fewer than 2^32 elements.
struct PackedPicture {
  const float* x = nullptr;
  uint16_t* y = nullptr;
  int64_t batch = 0, height = 0, width = 0, channels = 0;
  int64_t padding = 0, lines = 0, columns = 0, packed = 0;
};
void pack_picture(Stream stream, const PackedPicture& picture);

// weight [out, in, kh, kw] -> y [out, kh, run] bf16, element kx * packed + c of a run being that of
// (c, kx); zero elsewhere.
struct PackedKernel {
  const float* weight = nullptr;
  uint16_t* y = nullptr;
  int64_t out = 0, in = 0, kernel_h = 0, kernel_w = 0, packed = 0, run = 0;
};
void pack_kernel(Stream stream, const PackedKernel& kernel);

// The transposed convolution of kernel and stride 2: weight [in, out, 2, 2] -> y [4 * out, ld]
// bf16, row (2 dy + dx) * out + o, zero behind the `in` columns; biases [4 * out] are four times
// bias [out] (null: zeros).
void pack_transposed(Stream stream, const float* weight, const float* bias, uint16_t* y,
                     float* biases, int64_t in, int64_t out, int64_t ld);

}  // namespace vmolmo::cuda
