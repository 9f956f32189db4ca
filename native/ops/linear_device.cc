#include "native/ops/linear_device.h"

#include <algorithm>

#include "native/kernels/cuda/cublaslt_gemm.h"
#include "native/kernels/cuda/dequantize.h"
#include "native/kernels/cuda/elementwise.h"
#include "native/kernels/cuda/gemm_simple.h"
#include "native/kernels/cuda/gemm_tensor.h"
#include "native/kernels/cuda/gemv.h"
#include "native/ops/copy.h"
#include "native/ops/kernel_choice.h"
#include "native/ops/on_cuda.h"

namespace vmolmo::ops {
namespace {

constexpr int64_t kLibraryWorkspace = int64_t{32} << 20;
// Of a quantised weight that is widened for a product: as much as stays in the cache until it is
// used.
constexpr int64_t kWidenedBytes = int64_t{32} << 20;

const void* weight_bytes(const Weight& weight) {
  if (weight.format == Weight::Format::kInt8) return on_device<int8_t>(weight.data);
  if (weight.format != Weight::Format::kPlain) return on_device<uint8_t>(weight.data);
  if (weight.data.dtype() == DType::kBF16) return on_device<BFloat16>(weight.data);
  return on_device<float>(weight.data);
}

void set_weight(Context& context, const Weight& weight, cuda::SimpleGemm& call, Tensor& keep) {
  using Kind = cuda::SimpleGemm::Weight;
  if (weight.format != Weight::Format::kPlain) {
    call.weight = weight.format == Weight::Format::kInt8   ? Kind::kInt8
                  : weight.format == Weight::Format::kInt4 ? Kind::kInt4
                                                           : Kind::kFp4;
    call.w = weight_bytes(weight);
    call.ldw = weight.data.stride(0);
    call.scales = on_device<float>(weight.scales);
    call.scale_stride = weight.scales.stride(0);
    call.group = weight.group;
    return;
  }
  keep = weight.data;
  if (keep.stride(1) != 1) keep = dense_copy(context, keep);
  call.ldw = keep.stride(0);
  if (keep.dtype() == DType::kBF16) call.weight = Kind::kBF16;
  call.w = weight_bytes(keep);
}

void run_simple(Context& context, const DeviceLinear& layer, const Tensor& y) {
  cuda::SimpleGemm call;
  Tensor keep;
  set_weight(context, layer.weight, call, keep);
  call.x = on_device<float>(layer.x);
  call.ldx = layer.x_stride;
  call.y = on_device<float>(y);
  call.n = call.ldy = call.ldr = layer.weight.out_features();
  call.k = layer.weight.in_features();
  call.m = y.numel() / call.n;
  call.bias = on_device_or_null(layer.bias);
  call.residual = on_device_or_null(layer.residual);
  call.activation = layer.activation;
  cuda::gemm_simple(stream(context), call);
}

cuda::Gemv describe_gemv(const DeviceLinear& layer, const Tensor& y) {
  const Weight& weight = layer.weight;
  cuda::Gemv call;
  call.x = on_device<float>(layer.x);
  call.w = weight_bytes(weight);
  call.scales = on_device_or_null(weight.scales);
  call.y = on_device<float>(y);
  call.bias = on_device_or_null(layer.bias);
  call.residual = on_device_or_null(layer.residual);
  call.n = call.ldy = call.ldr = weight.out_features();
  call.k = weight.in_features();
  call.m = y.numel() / call.n;
  call.ldx = layer.x_stride;
  call.row_bytes = weight.data.stride(0) * static_cast<int64_t>(dtype_size(weight.data.dtype()));
  call.group = weight.group;
  call.format = weight.format;
  call.activation = layer.activation;
  return call;
}

bool gemv_takes(cuda::Gemv call, const Weight& weight) {
  const bool plain = weight.format == Weight::Format::kPlain;
  if (plain && (weight.data.dtype() != DType::kBF16 || weight.data.stride(1) != 1)) return false;
  call.m = std::min(call.m, cuda::kGemvRows);
  return cuda::gemv_supports(call);
}

void run_gemv(Context& context, const cuda::Gemv& whole) {
  for (int64_t row = 0; row < whole.m; row += cuda::kGemvRows) {
    cuda::Gemv part = whole;
    part.m = std::min(cuda::kGemvRows, whole.m - row);
    part.x += row * whole.ldx;
    part.y += row * whole.ldy;
    if (part.residual) part.residual += row * whole.ldr;
    cuda::gemv(stream(context), part);
  }
}

// x as bf16 rows that start at multiples of 16 bytes.
struct RoundedRows {
  Tensor tensor;
  int64_t stride;
};
RoundedRows round_input(Context& context, const DeviceLinear& layer, int64_t rows) {
  const int64_t columns = layer.weight.in_features(), stride = cuda::bf16_row(columns);
  Tensor tensor = context.empty({rows, stride}, DType::kBF16);
  cuda::round_rows(stream(context), on_device<float>(layer.x), layer.x_stride,
                   on_device_words(tensor), stride, rows, columns);
  return {std::move(tensor), stride};
}

cuda::TensorGemm describe_product(const DeviceLinear& layer, const RoundedRows& x,
                                  const Tensor& y) {
  cuda::TensorGemm call;
  call.x = on_device_words(x.tensor);
  call.y = on_device<float>(y);
  call.bias = on_device_or_null(layer.bias);
  call.residual = on_device_or_null(layer.residual);
  call.n = call.ldy = call.ldr = layer.weight.out_features();
  call.k = layer.weight.in_features();
  call.m = y.numel() / call.n;
  call.ldx = x.stride;
  call.activation = layer.activation;
  return call;
}

void run_product(Context& context, const DeviceLinear& layer, const cuda::TensorGemm& call) {
  cuda::GemmPlan plan = cuda::plan_gemm(call.m, call.n, call.k, context.pool().multiprocessors());
  // A split of k depends on the number of rows.
  if (layer.path != RowPath::kAuto) plan.splits = 1;
  const Tensor workspace = scratch(context, cuda::gemm_workspace_bytes(plan, call.m, call.n));
  cuda::gemm_tensor(stream(context), call, plan, on_device<uint8_t>(workspace));
}

// A quantised weight, some rows at a time as bf16.
void run_widened(Context& context, const DeviceLinear& layer, const cuda::TensorGemm& whole) {
  const Weight& weight = layer.weight;
  const int64_t stride = cuda::bf16_row(whole.k);
  const int64_t at_once =
      std::clamp<int64_t>(kWidenedBytes / (2 * stride) / 128 * 128, 128, whole.n);
  const Tensor widened = context.empty({at_once, stride}, DType::kBF16);
  auto* bits = on_device_words(widened);
  for (int64_t row = 0; row < whole.n; row += at_once) {
    const Weight rows = weight.rows(row, std::min(row + at_once, whole.n));
    cuda::QuantizedRows source;
    source.data = weight_bytes(rows);
    source.scales = on_device<float>(rows.scales);
    source.rows = rows.out_features();
    source.columns = whole.k;
    source.row_bytes = rows.data.stride(0);
    source.group = rows.group;
    source.format = rows.format;
    cuda::dequantize_rows(stream(context), source, bits, stride);
    cuda::TensorGemm part = whole;
    part.w = bits;
    part.ldw = stride;
    part.n = source.rows;
    part.y += row;
    if (part.bias) part.bias += row;
    if (part.residual) part.residual += row;
    run_product(context, layer, part);
  }
}

// False when cuBLASLt has no algorithm for the problem. Its own GELU is another one than ours, so
// activations follow in a pass of their own.
bool run_library(Context& context, const cuda::TensorGemm& call) {
  if (call.activation != Activation::kNone && call.residual) return false;
  cuda::LtGemm problem;
  problem.x = call.x, problem.w = call.w, problem.y = call.y;
  problem.bias = call.bias, problem.residual = call.residual;
  problem.m = call.m, problem.n = call.n, problem.k = call.k;
  problem.ldx = call.ldx, problem.ldw = call.ldw, problem.ldy = call.ldy, problem.ldr = call.ldr;
  problem.output = cublaslt::DataType::kF32;
  const Tensor workspace = scratch(context, kLibraryWorkspace);
  if (!context.library()->run(problem, on_device<uint8_t>(workspace), kLibraryWorkspace,
                              stream(context))) {
    return false;
  }
  if (call.activation != Activation::kNone)
    cuda::activate(stream(context), call.y, call.y, call.m * call.n, call.activation);
  return true;
}

void run_tensor(Context& context, const DeviceLinear& layer, bool library, const Tensor& y) {
  const RoundedRows x = round_input(context, layer, y.numel() / layer.weight.out_features());
  cuda::TensorGemm call = describe_product(layer, x, y);
  if (layer.weight.format != Weight::Format::kPlain) return run_widened(context, layer, call);
  Tensor dense = layer.weight.data;
  if (dense.stride(1) != 1) dense = dense_copy(context, dense);
  call.w = on_device_words(dense);
  call.ldw = dense.stride(0);
  if (!library || !run_library(context, call)) run_product(context, layer, call);
}

LinearKernel choose(Context& context, const cuda::Gemv& gemv, const Weight& weight, RowPath path) {
  LinearShape shape;
  shape.m = gemv.m, shape.n = gemv.n, shape.k = gemv.k;
  shape.format = weight.format;
  shape.dtype = weight.data.dtype();
  shape.path = path;
  shape.products = context.products();
  shape.gemv = gemv_takes(gemv, weight);
  shape.library = context.library() != nullptr;
  return choose_linear(shape);
}

}  // namespace

void linear_on_device(Context& context, const DeviceLinear& layer, const Tensor& y) {
  if (y.numel() == 0) return;
  const cuda::Gemv gemv = describe_gemv(layer, y);
  switch (choose(context, gemv, layer.weight, layer.path)) {
    case LinearKernel::kSimple:
      return run_simple(context, layer, y);
    case LinearKernel::kGemv:
      return run_gemv(context, gemv);
    case LinearKernel::kTensor:
      return run_tensor(context, layer, false, y);
    case LinearKernel::kLibrary:
      return run_tensor(context, layer, true, y);
  }
}

bool swiglu_on_device(Context& context, const Tensor& x, int64_t x_stride, const Weight& weight,
                      RowPath path, const Tensor& y) {
  if (y.numel() == 0) return false;
  const Tensor none;
  cuda::Gemv gemv = describe_gemv({x, x_stride, weight, none, none, Activation::kNone, path}, y);
  gemv.m = x.dim(0), gemv.n = gemv.ldy = y.dim(1);
  gemv.swiglu = true;
  if (choose(context, gemv, weight, path) != LinearKernel::kGemv) return false;
  run_gemv(context, gemv);
  return true;
}

}  // namespace vmolmo::ops
