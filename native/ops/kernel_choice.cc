#include "native/ops/kernel_choice.h"

#include "native/kernels/cuda/attention_tensor.h"
#include "native/kernels/cuda/gemv.h"

namespace vmolmo::ops {
namespace {

// Below these a tensor-core product spends its time on partly filled tiles, and the operands'
// rounding costs as much as the product.
constexpr int64_t kSmallestSide = 16;
constexpr int64_t kSmallestProduct = int64_t{1} << 18;  // m n k
// Up to here a library's launch and its choice of algorithm weigh more than its speed.
constexpr int64_t kRowsForLibrary = 64;
// Queries per key head up to which reading the keys is what costs.
constexpr int64_t kFewRows = 64;
constexpr int64_t kFewScores = 4096;  // of all heads and problems: too few to fill tiles

}  // namespace

LinearKernel choose_linear(const LinearShape& s) {
  const bool narrow = s.format != Weight::Format::kPlain || s.dtype == DType::kBF16;
  if (narrow && s.gemv && s.path != RowPath::kBlock &&
      (s.path == RowPath::kStream || s.m <= cuda::kGemvRows)) {
    return LinearKernel::kGemv;
  }
  const bool small =
      s.n < kSmallestSide || s.k < kSmallestSide || s.m * s.n * s.k < kSmallestProduct;
  // The size of m must not matter where a row's result may not depend on it.
  const bool too_small = s.path == RowPath::kAuto && small;
  if (s.products == Products::kExact || !narrow || s.path == RowPath::kStream || too_small)
    return LinearKernel::kSimple;
  const bool library = s.library && s.path == RowPath::kAuto && s.m > kRowsForLibrary &&
                       s.format == Weight::Format::kPlain && s.k % 8 == 0;
  return library ? LinearKernel::kLibrary : LinearKernel::kTensor;
}

AttentionKernel choose_attention(const AttentionShape& s) {
  const int64_t rows = s.nq * (s.heads / s.kv_heads);
  const bool few = s.path == RowPath::kStream || (s.path == RowPath::kAuto && rows <= kFewRows);
  if (s.split && few && s.d == s.dv) return AttentionKernel::kSplit;
  const bool tensor = s.products == Products::kTensorCores && s.path != RowPath::kStream &&
                      cuda::padded_heads(s.d, s.dv).d > 0 &&
                      (s.path == RowPath::kBlock || s.batch * s.heads * s.nq * s.nk >= kFewScores);
  return tensor ? AttentionKernel::kTensor : AttentionKernel::kSimple;
}

ConvKernel choose_conv(const ConvSizes& s) {
  if (s.thin) return ConvKernel::kThin;
  const bool small = s.out < kSmallestSide || s.patch < kSmallestSide ||
                     s.pixels * s.out * s.patch < kSmallestProduct;
  return s.products == Products::kExact || small ? ConvKernel::kSimple : ConvKernel::kTensor;
}

ConvKernel choose_transposed(int64_t pixels, int64_t in, int64_t out, Products products) {
  // The product's quads of columns must not span two pixels.
  const bool small = in < kSmallestSide || out % 2 != 0 || pixels * 4 * out * in < kSmallestProduct;
  return products == Products::kExact || small ? ConvKernel::kSimple : ConvKernel::kTensor;
}

}  // namespace vmolmo::ops
