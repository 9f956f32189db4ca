#include "native/ops/linear_device.h"

#include <algorithm>

#include "native/kernels/cuda/elementwise.h"
#include "native/kernels/cuda/gemm_simple.h"
#include "native/kernels/cuda/gemv.h"
#include "native/ops/copy.h"
#include "native/ops/kernel_choice.h"
#include "native/ops/linear_product.h"
#include "native/ops/normed_linear.h"
#include "native/ops/on_cuda.h"

namespace vmolmo::ops {
namespace {

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

// Without x and y, which gemv takes as f32 alone.
cuda::Gemv describe_gemv(const DeviceLinear& layer, const Tensor& y) {
  const Weight& weight = layer.weight;
  cuda::Gemv call;
  call.w = weight_bytes(weight);
  call.scales = on_device_or_null(weight.scales);
  call.bias = on_device_or_null(layer.bias);
  call.residual = on_device_or_null(layer.residual);
  call.n = call.ldy = call.ldr = y.dim(-1);
  call.k = weight.in_features();
  call.m = y.numel() / call.n;
  call.ldx = layer.x_stride;
  call.row_bytes = weight.data.stride(0) * static_cast<int64_t>(dtype_size(weight.data.dtype()));
  call.group = weight.group;
  call.format = weight.format;
  call.activation = layer.activation;
  call.swiglu = layer.swiglu;
  if (layer.norm) {
    call.norm = on_device<float>(layer.norm->weight);
    call.norm_eps = layer.norm->eps;
  }
  return call;
}

bool gemv_takes(cuda::Gemv call, const Weight& weight) {
  const bool plain = weight.format == Weight::Format::kPlain;
  if (plain && (weight.data.dtype() != DType::kBF16 || weight.data.stride(1) != 1)) return false;
  call.m = std::min(call.m, cuda::kGemvRows);
  return cuda::gemv_supports(call);
}

void run_gemv(Context& context, const DeviceLinear& layer, const Tensor& y) {
  cuda::Gemv whole = describe_gemv(layer, y);
  whole.x = on_device<float>(layer.x), whole.y = on_device<float>(y);
  for (int64_t row = 0; row < whole.m; row += cuda::kGemvRows) {
    cuda::Gemv part = whole;
    part.m = std::min(cuda::kGemvRows, whole.m - row);
    part.x += row * whole.ldx;
    part.y += row * whole.ldy;
    if (part.residual) part.residual += row * whole.ldr;
    cuda::gemv(stream(context), part);
  }
}

LinearKernel choose(Context& context, const DeviceLinear& layer, const Tensor& y) {
  const cuda::Gemv gemv = describe_gemv(layer, y);
  LinearShape shape;
  shape.m = gemv.m, shape.n = gemv.n, shape.k = gemv.k;
  shape.format = layer.weight.format;
  shape.dtype = layer.weight.data.dtype();
  shape.path = layer.path;
  shape.products = context.products();
  shape.gemv = gemv_takes(gemv, layer.weight);
  shape.library = context.library() != nullptr;
  return choose_linear(shape);
}

// The kernels that take and give f32.
void run_f32(Context& context, LinearKernel kernel, const DeviceLinear& layer, const Tensor& y) {
  if (kernel == LinearKernel::kGemv) return run_gemv(context, layer, y);
  run_simple(context, layer, y);
}

// The same around bf16 tensors, for the few products that no other kernel takes.
void run_widened(Context& context, LinearKernel kernel, const DeviceLinear& layer,
                 const Tensor& y) {
  const Tensor x = widened(context, layer.x);
  DeviceLinear wide{x,          layer.x_stride, layer.weight,
                    layer.bias, layer.residual, layer.activation,
                    layer.path, layer.swiglu,   layer.norm};
  if (layer.x.dtype() != DType::kF32) wide.x_stride = x.dim(-1);
  if (y.dtype() == DType::kF32) return run_f32(context, kernel, wide, y);
  const Tensor result = context.empty(y.shape());
  run_f32(context, kernel, wide, result);
  cuda::round_to_bf16(stream(context), on_device<float>(result), on_device_words(y), y.numel());
}

}  // namespace

void linear_on_device(Context& context, const DeviceLinear& layer, const Tensor& y) {
  if (y.numel() == 0) return;
  const LinearKernel kernel = choose(context, layer, y);
  if (kernel == LinearKernel::kTensor || kernel == LinearKernel::kLibrary)
    return linear_product(context, layer, kernel == LinearKernel::kLibrary, y);
  const bool f32 = layer.x.dtype() == DType::kF32 && y.dtype() == DType::kF32;
  return f32 ? run_f32(context, kernel, layer, y) : run_widened(context, kernel, layer, y);
}

bool swiglu_on_device(Context& context, const Tensor& x, int64_t x_stride, const Weight& weight,
                      RowPath path, const Tensor& y) {
  if (y.numel() == 0) return false;
  const Tensor none;
  const DeviceLinear layer{x, x_stride, weight, none, none, Activation::kNone, path, true};
  if (choose(context, layer, y) == LinearKernel::kSimple) return false;
  linear_on_device(context, layer, y);
  return true;
}

bool normed_on_device(Context& context, const DeviceLinear& layer, const Tensor& y) {
  if (y.numel() == 0 || choose(context, layer, y) != LinearKernel::kGemv) return false;
  run_gemv(context, layer, y);
  return true;
}

}  // namespace vmolmo::ops
