#include "native/ops/normed_linear.h"

#include "native/ops/checks.h"
#include "native/ops/linear.h"
#include "native/ops/linear_device.h"
#include "native/ops/norm.h"
#include "native/ops/on_cuda.h"

namespace vmolmo::ops {
namespace {

// Empty where the norm does not go into the product.
Tensor in_one_pass(Context& context, const Tensor& x, const RowNorm& norm, const Weight& weight,
                   const Tensor& bias, RowPath path, bool swiglu) {
  const int64_t rows = weight.out_features();
  require(x.rank() == 2 && x.dim(1) == weight.in_features() && (!swiglu || rows % 2 == 0),
          Code::kInternal, "normed_linear: the weight ", weight.shape(), " does not fit x ",
          x.shape(), ".");
  const Tensor input = dense_f32(context, x, "normed_linear"), none;
  const Tensor b = vector_f32(context, bias, rows, "normed_linear");
  const RowNorm own{vector_f32(context, norm.weight, x.dim(1), "normed_linear"), norm.eps};
  const Tensor y = context.empty({x.dim(0), swiglu ? rows / 2 : rows});
  const DeviceLinear layer{input, x.dim(1), weight, b, none, Activation::kNone, path, swiglu, &own};
  return normed_on_device(context, layer, y) ? y : none;
}

}  // namespace

Tensor normed_linear(Context& context, const Tensor& x, const RowNorm& norm, const Weight& weight,
                     const Tensor& bias, RowPath path) {
  ON_CUDA(context) {
    if (const Tensor y = in_one_pass(context, x, norm, weight, bias, path, false)) return y;
  }
  return linear(context, rms_norm(context, x, norm.weight, norm.eps), weight, bias,
                Activation::kNone, path);
}

Tensor normed_swiglu(Context& context, const Tensor& x, const RowNorm& norm, const Weight& weight,
                     RowPath path) {
  ON_CUDA(context) {
    if (const Tensor y = in_one_pass(context, x, norm, weight, {}, path, true)) return y;
  }
  return linear_swiglu(context, rms_norm(context, x, norm.weight, norm.eps), weight, path);
}

}  // namespace vmolmo::ops
