#pragma once

#include <cstddef>
#include <cstdint>

#include "native/kernels/cuda/row_map.h"
#include "native/kernels/cuda/stream.h"
#include "native/tensor/activation.h"

// Matrix products on tensor cores: bf16 operands, f32 sums.
namespace vmolmo::cuda {

// y [m, n] = act(x w^T + bias) + residual. x [m, k] and w [n, k] are bf16 bits, y is f32 or bf16,
// bias and residual are f32; rows lie ld* elements apart. bias and residual may be null; residual
// may be y.
struct TensorGemm {
  const uint16_t* x = nullptr;
  const uint16_t* w = nullptr;
  float* y = nullptr;  // or
  uint16_t* y_bf16 = nullptr;
  const float* bias = nullptr;
  const float* residual = nullptr;
  int64_t m = 0, n = 0, k = 0;
  int64_t ldx = 0, ldw = 0, ldy = 0, ldr = 0;
  Activation activation = Activation::kNone;
  // y = act(x w^T + bias + residual) instead.
  bool activate_last = false;
  // Rows of x, or of y and the residual, that lie otherwise than ld* apart: at most one of the two,
  // with tiles of 64 rows or more. The runs of x are multiples of 8 long, those of y of 4; a
  // product with a mapped y is not split along k.
  RowMap x_map, y_map;
  int64_t residual_image_step = 0;  // of y_map, for the residual
  // w is two matrices one after the other, n rows each: y = (x w_0^T) silu(x w_1^T), without bias,
  // residual, activation and maps; k is not split.
  bool swiglu = false;
};

// How a product is cut into blocks: tiles of y, and the parts into which k is split so that few
// tiles still fill the device.
struct GemmPlan {
  enum class Tile : uint8_t { k16x128, k64x64, k128x128 };
  Tile tile = Tile::k128x128;
  int splits = 1;
};

// n: rows of w.
GemmPlan plan_gemm(int64_t m, int64_t n, int64_t k, int multiprocessors);
// For the partial sums of the plan; 0 when k is not split.
size_t gemm_workspace_bytes(const GemmPlan& plan, int64_t m, int64_t n);
void gemm_tensor(Stream stream, const TensorGemm& problem, const GemmPlan& plan, void* workspace);

}  // namespace vmolmo::cuda
