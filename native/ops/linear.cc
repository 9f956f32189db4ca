#include "native/ops/linear.h"

#include "native/kernels/cpu/reference.h"
#include "native/ops/checks.h"

namespace vmolmo::ops {
namespace {

Shape with_last(Shape shape, int64_t last) {
  shape[-1] = last;
  return shape;
}

void check_linear(const Tensor& x, const Weight& weight) {
  require_f32(x, "linear");
  require_rank(weight.data, 2, "linear");
  require(x.rank() >= 1 && x.dim(-1) == weight.in_features(), Code::kInternal,
          "linear: the weight ", weight.data.shape(), " takes ", weight.in_features(),
          " features; got ", x.shape(), ".");
}

}  // namespace

Tensor linear(Context& context, const Tensor& x, const Weight& weight, const Tensor& bias,
              Activation activation) {
  check_linear(x, weight);
  const Tensor input = dense_f32(context, x, "linear");
  const Tensor w = parameter_f32(context, weight.data, "linear");
  const Tensor b = vector_f32(context, bias, weight.out_features(), "linear");
  const int64_t k = weight.in_features();
  const int64_t n = weight.out_features();
  Tensor y = context.empty(with_last(x.shape(), n));
  const int64_t m = k ? input.numel() / k : 0;
  context.threads().parallel_for(m, 1 + 100000 / (1 + n * k), [&](int64_t begin, int64_t end) {
    float* out = y.data<float>() + begin * n;
    reference::linear(input.data<float>() + begin * k, w.data<float>(), data_or_null(b), out,
                      end - begin, n, k);
    if (activation == Activation::kNone) return;
    for (int64_t i = 0; i < (end - begin) * n; ++i)
      out[i] = reference::activate(out[i], activation);
  });
  return y;
}

Tensor linear_add(Context& context, const Tensor& x, const Weight& weight, const Tensor& bias,
                  const Tensor& residual) {
  Tensor y = linear(context, x, weight, bias);
  const Tensor r = dense_f32(context, residual, "linear_add");
  require(r.shape() == y.shape(), Code::kInternal, "linear_add: the residual has the shape ",
          r.shape(), "; the result has ", y.shape(), ".");
  float* out = y.data<float>();
  const float* in = r.data<float>();
  for (int64_t i = 0; i < y.numel(); ++i) out[i] += in[i];
  return y;
}

Tensor matmul(Context& context, const Tensor& a, const Tensor& b, bool transpose_b) {
  require(a.rank() >= 2 && a.rank() == b.rank(), Code::kInternal, "matmul: shapes ", a.shape(),
          " and ", b.shape(), " do not match.");
  const Tensor left = dense_f32(context, a, "matmul");
  const Tensor right = dense_f32(context, transpose_b ? b : b.transpose(-1, -2), "matmul");
  const int64_t m = a.dim(-2);
  const int64_t k = a.dim(-1);
  const int64_t n = right.dim(-2);
  int64_t batch = 1;
  for (int axis = 0; axis < a.rank() - 2; ++axis) {
    require(a.dim(axis) == b.dim(axis), Code::kInternal, "matmul: shapes ", a.shape(), " and ",
            b.shape(), " differ in their leading axes.");
    batch *= a.dim(axis);
  }
  require(right.dim(-1) == k, Code::kInternal, "matmul: shapes ", a.shape(), " and ", b.shape(),
          " do not match.");
  Tensor c = context.empty(with_last(a.shape(), n));
  context.threads().parallel_for(batch, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      reference::linear(left.data<float>() + i * m * k, right.data<float>() + i * n * k, nullptr,
                        c.data<float>() + i * m * n, m, n, k);
    }
  });
  return c;
}

}  // namespace vmolmo::ops
