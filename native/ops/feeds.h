#pragma once

#include "native/ops/context.h"
#include "native/ops/rows.h"

// In which type ops keep their results
// ------------------------------------
// A product on tensor cores rounds its operands to bf16 (Products::kTensorCores). A tensor that
// only products read is therefore written as bf16 by the op that makes it: it is rounded once, as
// before, and moves half the bytes. Everything that sums or compares stays f32: the residual
// stream, statistics, logits, scores. On the CPU, and with exact products, every result is f32.
//
// The caller says what a result feeds, the op looks the type up here, and no model names a type.
// linear(), attention(), rope_*() and max_pool_2x2() take either type, and so does what copies
// (concat, permute, slices, windows); every other op takes f32 and refuses bf16 unless its comment
// says otherwise.
namespace vmolmo::ops {

enum class Feeds : uint8_t {
  kSums,      // anything; f32
  kProducts,  // nothing but linear(), attention() and matrix products behind copies of it
};

// Streamed rows stay f32: few as they are they move little, and their products read x to 16 bits.
constexpr Feeds feeds_products(RowPath path) {
  return path == RowPath::kStream ? Feeds::kSums : Feeds::kProducts;
}

inline DType result_type(const Context& context, Feeds feeds) {
  return context.rounds_products() && feeds == Feeds::kProducts ? DType::kBF16 : DType::kF32;
}

}  // namespace vmolmo::ops
