#include "native/ops/linear.h"

#include "native/kernels/cuda/gemm_simple.h"
#include "native/ops/activation.h"
#include "native/ops/checks.h"
#include "native/ops/cpu_weight.h"
#include "native/ops/linear_device.h"
#include "native/ops/on_cuda.h"

namespace vmolmo::ops {
namespace {

Shape with_last(Shape shape, int64_t last) {
  shape[-1] = last;
  return shape;
}

// A dense last axis and one common step from row to row are enough for the kernel: a slice of the
// last axis of a contiguous tensor passes as it is.
struct Rows {
  Tensor tensor;
  int64_t stride;
};

Rows as_rows(Context& context, const Tensor& x, const char* op) {
  require_operand(context, x, op);
  bool regular = x.rank() >= 1 && x.stride(-1) == 1;
  for (int axis = x.rank() - 3; regular && axis >= 0; --axis) {
    regular = x.dim(axis) == 1 || x.stride(axis) == x.stride(axis + 1) * x.dim(axis + 1);
  }
  Tensor rows = regular ? x : dense_copy(context, x);
  const int64_t stride = rows.rank() >= 2 ? rows.stride(-2) : rows.dim(-1);
  return {std::move(rows), stride};
}

cpu::Gemm::Path gemm_path(RowPath path) {
  switch (path) {
    case RowPath::kStream:
      return cpu::Gemm::Path::kStream;
    case RowPath::kBlock:
      return cpu::Gemm::Path::kPacked;
    case RowPath::kAuto:
      break;
  }
  return cpu::Gemm::Path::kAuto;
}

Tensor project(Context& context, const Tensor& x, const Weight& weight, const Tensor& bias,
               const Tensor& residual, Activation activation, RowPath path, Feeds feeds) {
  require_rank(weight.data, 2, "linear");
  require(x.rank() >= 1 && x.dim(-1) == weight.in_features(), Code::kInternal,
          "linear: the weight ", weight.shape(), " takes ", weight.in_features(), " features; got ",
          x.shape(), ".");
  const Rows input = as_rows(context, x, "linear");
  const Tensor b = vector_f32(context, bias, weight.out_features(), "linear");
  Tensor y =
      context.empty(with_last(x.shape(), weight.out_features()), result_type(context, feeds));
  ON_CUDA(context) {
    linear_on_device(context, {input.tensor, input.stride, weight, b, residual, activation, path},
                     y);
    return y;
  }
  cpu::Gemm call;
  Weight dense = weight;
  if (dense.data.stride(1) != 1) dense.data = dense_copy(context, dense.data);
  set_weight(dense, call);
  call.x = input.tensor.data<float>();
  call.ldx = input.stride;
  call.m = call.n ? y.numel() / call.n : 0;
  call.y = y.data<float>();
  call.ldy = call.n;
  call.bias = data_or_null(b);
  call.residual = data_or_null(residual);
  call.ldr = call.n;
  call.activation = activation;
  call.path = gemm_path(path);
  cpu::gemm(cpu::kernels(), context.threads(), context.memory(), call);
  return y;
}

}  // namespace

Tensor linear(Context& context, const Tensor& x, const Weight& weight, const Tensor& bias,
              Activation activation, RowPath path, Feeds feeds) {
  return project(context, x, weight, bias, {}, activation, path, feeds);
}

Tensor linear_add(Context& context, const Tensor& x, const Weight& weight, const Tensor& bias,
                  const Tensor& residual, RowPath path) {
  const Tensor r = dense_f32(context, residual, "linear_add");
  require(x.rank() >= 1 && r.shape() == with_last(x.shape(), weight.out_features()),
          Code::kInternal, "linear_add: the residual has the shape ", r.shape(), "; x ", x.shape(),
          " and the weight ", weight.shape(), " give another.");
  return project(context, x, weight, bias, r, Activation::kNone, path, Feeds::kSums);
}

Tensor linear_swiglu(Context& context, const Tensor& x, const Weight& weight, RowPath path,
                     Feeds feeds) {
  require_rank(x, 2, "linear_swiglu");
  require(weight.out_features() % 2 == 0 && x.dim(1) == weight.in_features(), Code::kInternal,
          "linear_swiglu: the weight ", weight.shape(), " does not fit x ", x.shape(), ".");
  const int64_t half = weight.out_features() / 2;
  ON_CUDA(context) {
    const Rows input = as_rows(context, x, "linear_swiglu");
    const Tensor y = context.empty({x.dim(0), half}, result_type(context, feeds));
    if (swiglu_on_device(context, input.tensor, input.stride, weight, path, y)) return y;
  }
  const Tensor both = linear(context, x, weight, {}, Activation::kNone, path);
  return swiglu(context, both.slice(1, 0, half), both.slice(1, half, 2 * half));
}

Tensor matmul(Context& context, const Tensor& a, const Tensor& b, bool transpose_b) {
  require(a.rank() >= 2 && a.rank() == b.rank(), Code::kInternal, "matmul: shapes ", a.shape(),
          " and ", b.shape(), " do not match.");
  const Tensor left = dense_f32(context, a, "matmul");
  const Tensor right = dense_f32(context, b, "matmul");
  int64_t batch = 1;
  for (int axis = 0; axis < a.rank() - 2; ++axis) {
    require(a.dim(axis) == b.dim(axis), Code::kInternal, "matmul: shapes ", a.shape(), " and ",
            b.shape(), " differ in their leading axes.");
    batch *= a.dim(axis);
  }
  cpu::Gemm call;
  call.m = a.dim(-2);
  call.k = a.dim(-1);
  call.n = b.dim(transpose_b ? -2 : -1);
  require(b.dim(transpose_b ? -1 : -2) == call.k, Code::kInternal, "matmul: shapes ", a.shape(),
          " and ", b.shape(), " do not match.");
  Tensor c = context.empty(with_last(a.shape(), call.n));
  ON_CUDA(context) {
    if (c.numel() == 0) return c;
    cuda::SimpleGemm product;
    product.weight =
        transpose_b ? cuda::SimpleGemm::Weight::kF32 : cuda::SimpleGemm::Weight::kF32KMajor;
    product.x = on_device<float>(left);
    product.w = on_device<float>(right);
    product.y = on_device<float>(c);
    product.m = call.m;
    product.n = product.ldy = call.n;
    product.k = product.ldx = call.k;
    product.ldw = transpose_b ? call.k : call.n;
    product.batch = batch;
    product.batch_x = call.m * call.k;
    product.batch_w = call.n * call.k;
    product.batch_y = call.m * call.n;
    cuda::gemm_simple(stream(context), product);
    return c;
  }
  call.layout = transpose_b ? cpu::Gemm::WeightLayout::kF32 : cpu::Gemm::WeightLayout::kF32KMajor;
  call.ldx = call.k;
  call.ldw = transpose_b ? call.k : call.n;
  call.ldy = call.n;
  for (int64_t i = 0; i < batch; ++i) {
    call.x = left.data<float>() + i * call.m * call.k;
    call.w = right.data<float>() + i * call.n * call.k;
    call.y = c.data<float>() + i * call.m * call.n;
    cpu::gemm(cpu::kernels(), context.threads(), context.memory(), call);
  }
  return c;
}

}  // namespace vmolmo::ops
