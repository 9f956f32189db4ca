#pragma once

#include <cstdint>

#include "native/kernels/cuda/conv.h"
#include "native/kernels/cuda/row_map.h"

// Operands of a convolution as those of a tensor-core product.
namespace vmolmo::cuda {

// Where the operands' values lie. A picture is rounded to bf16 on zero padding, [lines, columns,
// channels] with more channels than the convolution has where that makes the runs under a kernel
// line start at multiples of 16 bytes. A kernel is [kernel_h, run], element kx * channels + c of a
// run being that of (c, kx). A run is a whole number of 16 bytes: what it takes too much of the
// next pixels meets zeros in the kernel.
struct ConvPacking {
  explicit ConvPacking(const ConvShape& shape);

  ConvShape shape;
  int64_t channels = 0, run = 0, lines = 0, columns = 0;
  int64_t picture() const { return lines * columns * channels; }
  int64_t patch() const { return shape.kernel_h * run; }
  // The patches under the output pixels as rows of the product.
  RowMap patches() const;
};

// x [count, height, width, in] f32 -> y [count, picture()] bf16, of fewer than 2^32 elements.
void pack_pictures(Stream stream, const ConvPacking& packing, const float* x, int64_t count,
                   uint16_t* y);
// weight [out, in, kh, kw] f32 -> y [out, patch()] bf16.
void pack_kernel(Stream stream, const ConvPacking& packing, const float* weight, uint16_t* y);

// The transposed convolution of kernel and stride 2: weight [in, out, 2, 2] -> y [4 * out, ld]
// bf16, row (2 dy + dx) * out + o, zero behind the `in` columns; biases [4 * out] are four times
// bias [out] (null: zeros).
void pack_transposed(Stream stream, const float* weight, const float* bias, uint16_t* y,
                     float* biases, int64_t in, int64_t out, int64_t ld);

}  // namespace vmolmo::cuda
