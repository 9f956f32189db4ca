#pragma once

#include <cstdint>

#include "native/ops/context.h"
#include "native/ops/rows.h"
#include "native/tensor/weight.h"

// Which CUDA kernel takes an op, by shape and type: the one place where that is decided.
namespace vmolmo::ops {

struct LinearShape {
  int64_t m = 0, n = 0, k = 0;
  Weight::Format format = Weight::Format::kPlain;
  DType dtype = DType::kF32;  // of a plain weight
  RowPath path = RowPath::kAuto;
  Products products = Products::kExact;
  bool gemv = false;     // cuda::gemv_supports() for up to cuda::kGemvRows rows
  bool library = false;  // cuBLASLt is there
};

enum class LinearKernel : uint8_t {
  kSimple,   // any shape, exact
  kGemv,     // few rows, the weight read once; x to 16 bits, so exact enough for kExact
  kTensor,   // our own tensor-core product
  kLibrary,  // cuBLASLt; our own where it has no algorithm
};

// kStream and kBlock promise that a row's result does not depend on the rows beside it. gemv keeps
// that for any split into groups of rows, and our own product as long as k is not split; a library
// may choose another algorithm for another number of rows.
LinearKernel choose_linear(const LinearShape& shape);

struct AttentionShape {
  int64_t batch = 1, nq = 0, nk = 0, heads = 1, kv_heads = 1, d = 0, dv = 0;
  RowPath path = RowPath::kAuto;
  Products products = Products::kExact;
  bool split = false;  // f32 operands and cuda::attention_split_supports()
};

enum class AttentionKernel : uint8_t {
  kSimple,  // any shape, f32
  kSplit,   // few queries over many keys, f32
  kTensor,  // tensor cores
};

AttentionKernel choose_attention(const AttentionShape& shape);

struct ConvSizes {
  int64_t pixels = 0, out = 0;  // of the result, over the batch
  int64_t patch = 0;            // values under one of them
  Products products = Products::kExact;
  bool thin = false;  // cuda::conv_thin_supports()
};

enum class ConvKernel : uint8_t {
  kSimple,  // any shape, f32
  kThin,    // few channels, f32
  kTensor,  // as a product on tensor cores
};

ConvKernel choose_conv(const ConvSizes& sizes);
// kSimple or kTensor; `in` and `out` channels.
ConvKernel choose_transposed(int64_t pixels, int64_t in, int64_t out, Products products);

}  // namespace vmolmo::ops
