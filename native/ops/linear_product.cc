#include "native/ops/linear_product.h"

#include <algorithm>

#include "native/kernels/cuda/cublaslt_gemm.h"
#include "native/kernels/cuda/dequantize.h"
#include "native/kernels/cuda/elementwise.h"
#include "native/kernels/cuda/gemm_tensor.h"
#include "native/kernels/cuda/round.h"
#include "native/ops/copy.h"
#include "native/ops/on_cuda.h"

namespace vmolmo::ops {
namespace {

constexpr int64_t kLibraryWorkspace = int64_t{32} << 20;
// Of a quantised weight that is widened for a product: as much as stays in the cache until it is
// used.
constexpr int64_t kWidenedBytes = int64_t{32} << 20;

// Rows of bf16 that start at multiples of 16 bytes.
struct OperandRows {
  Tensor tensor;
  int64_t stride;
};

OperandRows operand_rows(Context& context, const DeviceLinear& layer, int64_t rows) {
  const Tensor& x = layer.x;
  const int64_t columns = layer.weight.in_features(), stride = cuda::bf16_row(columns);
  const bool bf16 = x.dtype() == DType::kBF16;
  if (bf16 && layer.x_stride % 8 == 0 && reinterpret_cast<uintptr_t>(on_device_words(x)) % 16 == 0)
    return {x, layer.x_stride};
  Tensor copy = context.empty({rows, stride}, DType::kBF16);
  with_elements(x, [&](const auto* from) {
    cuda::round_rows(stream(context), from, layer.x_stride, on_device_words(copy), stride, rows,
                     columns);
  });
  return {std::move(copy), stride};
}

cuda::TensorGemm describe_product(const DeviceLinear& layer, const OperandRows& x,
                                  const Tensor& y) {
  cuda::TensorGemm call;
  call.x = on_device_words(x.tensor);
  if (y.dtype() == DType::kBF16) {
    call.y_bf16 = on_device_words(y);
  } else {
    call.y = on_device<float>(y);
  }
  call.bias = on_device_or_null(layer.bias);
  call.residual = on_device_or_null(layer.residual);
  call.n = call.ldy = call.ldr = y.dim(-1);
  call.k = layer.weight.in_features();
  call.m = y.numel() / call.n;
  call.ldx = x.stride;
  call.activation = layer.activation;
  call.swiglu = layer.swiglu;
  return call;
}

void run_product(Context& context, const DeviceLinear& layer, const cuda::TensorGemm& call) {
  const int64_t weight_rows = call.swiglu ? 2 * call.n : call.n;
  cuda::GemmPlan plan =
      cuda::plan_gemm(call.m, weight_rows, call.k, context.pool().multiprocessors());
  // A split of k depends on the number of rows.
  if (layer.path != RowPath::kAuto || call.swiglu) plan.splits = 1;
  const Tensor workspace = scratch(context, cuda::gemm_workspace_bytes(plan, call.m, call.n));
  cuda::gemm_tensor(stream(context), call, plan, on_device<uint8_t>(workspace));
}

void widen_rows(Context& context, const Weight& rows, uint16_t* to, int64_t stride) {
  cuda::QuantizedRows source;
  source.data = weight_bytes(rows);
  source.scales = on_device<float>(rows.scales);
  source.rows = rows.out_features();
  source.columns = rows.in_features();
  source.row_bytes = rows.data.stride(0);
  source.group = rows.group;
  source.format = rows.format;
  cuda::dequantize_rows(stream(context), source, to, stride);
}

// A quantised weight, some rows at a time as bf16.
void run_quantised(Context& context, const DeviceLinear& layer, const cuda::TensorGemm& whole) {
  const int64_t stride = cuda::bf16_row(whole.k), matrices = whole.swiglu ? 2 : 1;
  const int64_t fitting = kWidenedBytes / (2 * stride * matrices) / 128 * 128;
  const int64_t at_once = std::min(std::max<int64_t>(fitting, 128), whole.n);
  const Tensor widened = context.empty({matrices * at_once, stride}, DType::kBF16);
  auto* bits = on_device_words(widened);
  for (int64_t row = 0; row < whole.n; row += at_once) {
    cuda::TensorGemm part = whole;
    part.n = std::min(at_once, whole.n - row);
    for (int64_t i = 0; i < matrices; ++i) {
      const int64_t first = i * whole.n + row;
      widen_rows(context, layer.weight.rows(first, first + part.n), bits + i * part.n * stride,
                 stride);
    }
    part.w = bits;
    part.ldw = stride;
    if (part.y) part.y += row;
    if (part.y_bf16) part.y_bf16 += row;
    if (part.bias) part.bias += row;
    if (part.residual) part.residual += row;
    run_product(context, layer, part);
  }
}

// False when cuBLASLt has no algorithm for the problem. Its own GELU is another one than ours, so
// activations follow in a pass of their own: of f32 results only, others would be rounded twice.
bool run_library(Context& context, const cuda::TensorGemm& call) {
  const bool active = call.activation != Activation::kNone;
  if (call.swiglu || (active && (call.residual || call.y_bf16))) return false;
  cuda::LtGemm problem;
  problem.x = call.x, problem.w = call.w, problem.y = call.y;
  problem.bias = call.bias, problem.residual = call.residual;
  problem.m = call.m, problem.n = call.n, problem.k = call.k;
  problem.ldx = call.ldx, problem.ldw = call.ldw, problem.ldy = call.ldy, problem.ldr = call.ldr;
  problem.output = cublaslt::DataType::kF32;
  Tensor bias;
  if (call.y_bf16) {
    problem.y = call.y_bf16;
    problem.output = cublaslt::DataType::kBF16;
    if (call.residual) return false;
    if (call.bias) {  // the library takes a bias of y's type
      bias = context.empty({call.n}, DType::kBF16);
      cuda::round_to_bf16(stream(context), call.bias, on_device_words(bias), call.n);
      problem.bias = on_device_words(bias);
    }
  }
  const Tensor workspace = scratch(context, kLibraryWorkspace);
  if (!context.library()->run(problem, on_device<uint8_t>(workspace), kLibraryWorkspace,
                              stream(context))) {
    return false;
  }
  if (active) cuda::activate(stream(context), call.y, call.y, call.m * call.n, call.activation);
  return true;
}

}  // namespace

const void* weight_bytes(const Weight& weight) {
  if (weight.format == Weight::Format::kInt8) return on_device<int8_t>(weight.data);
  if (weight.format != Weight::Format::kPlain) return on_device<uint8_t>(weight.data);
  if (weight.data.dtype() == DType::kBF16) return on_device<BFloat16>(weight.data);
  return on_device<float>(weight.data);
}

void linear_product(Context& context, const DeviceLinear& layer, bool library, const Tensor& y) {
  const OperandRows x = operand_rows(context, layer, y.numel() / y.dim(-1));
  cuda::TensorGemm call = describe_product(layer, x, y);
  if (layer.weight.format != Weight::Format::kPlain) return run_quantised(context, layer, call);
  Tensor dense = layer.weight.data;
  if (dense.stride(1) != 1) dense = dense_copy(context, dense);
  call.w = on_device_words(dense);
  call.ldw = dense.stride(0);
  if (!library || !run_library(context, call)) run_product(context, layer, call);
}

}  // namespace vmolmo::ops
