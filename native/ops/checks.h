#pragma once

#include "native/ops/copy.h"

// Shape and type checks shared by the ops. `op` names the operation in messages.
namespace vmolmo::ops {

inline void require_f32(const Tensor& x, const char* op) {
  require(static_cast<bool>(x), Code::kInternal, op, ": expected an F32 tensor; got none.");
  require(x.dtype() == DType::kF32, Code::kInternal, op, ": expected an F32 tensor; got ",
          x.dtype(), " ", x.shape(), ".");
}

// An operand of a product: F32, or on a GPU BF16 (native/ops/feeds.h).
inline void require_operand(Context& context, const Tensor& x, const char* op) {
  if (x && x.dtype() == DType::kBF16 && context.on_cuda()) return;
  require_f32(x, op);
}

inline void require_rank(const Tensor& x, int rank, const char* op) {
  require(x.rank() == rank, Code::kInternal, op, ": expected a tensor of rank ", rank,
          "; got shape ", x.shape(), ".");
}

// The tensor itself when it is contiguous F32, else a contiguous copy of it.
inline Tensor dense_f32(Context& context, const Tensor& x, const char* op) {
  require_f32(x, op);
  return x.is_contiguous() ? x : dense_copy(context, x);
}

// The same for a mask, u8 [H, W].
inline Tensor dense_mask(Context& context, const Tensor& x, const char* op) {
  require_rank(x, 2, op);
  require(x.dtype() == DType::kU8, Code::kInternal, op, ": expected a U8 mask; got ", x.dtype(),
          " ", x.shape(), ".");
  return x.is_contiguous() ? x : dense_copy(context, x);
}

// Parameters: F32 or another floating type, widened; empty stays empty.
inline Tensor parameter_f32(Context& context, const Tensor& x, const char* op) {
  if (!x) return x;
  if (x.dtype() == DType::kF32) return dense_f32(context, x, op);
  return widened(context, x);
}

// A vector of `length` parameters (bias, scale), or empty.
inline Tensor vector_f32(Context& context, const Tensor& x, int64_t length, const char* op) {
  if (!x) return x;
  require(x.numel() == length, Code::kInternal, op, ": expected ", length,
          " parameters; got shape ", x.shape(), ".");
  return parameter_f32(context, x, op);
}

inline const float* data_or_null(const Tensor& x) { return x ? x.data<float>() : nullptr; }

}  // namespace vmolmo::ops
