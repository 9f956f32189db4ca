#include "native/ops/activation.h"

#include "native/kernels/cpu/kernels.h"
#include "native/kernels/cuda/elementwise.h"
#include "native/ops/checks.h"
#include "native/ops/on_cuda.h"

namespace vmolmo::ops {

Tensor activate(Context& context, const Tensor& x, Activation activation) {
  const Tensor input = dense_f32(context, x, "activate");
  Tensor y = context.empty(x.shape());
  ON_CUDA(context) {
    cuda::activate(stream(context), on_device<float>(input), on_device<float>(y), y.numel(),
                   activation);
    return y;
  }
  const float* in = input.data<float>();
  float* out = y.data<float>();
  context.threads().parallel_for(input.numel(), 16384, [&](int64_t begin, int64_t end) {
    cpu::kernels().activate(in + begin, out + begin, end - begin, activation);
  });
  return y;
}

namespace {

// The one step from row to row, or a dense copy where there is none.
Tensor with_regular_rows(Context& context, const Tensor& x) {
  bool regular = true;
  for (int axis = x.rank() - 3; regular && axis >= 0; --axis) {
    regular = x.dim(axis) == 1 || x.stride(axis) == x.stride(axis + 1) * x.dim(axis + 1);
  }
  return regular ? x : dense_copy(context, x);
}

int64_t row_step(const Tensor& x) { return x.rank() >= 2 ? x.stride(-2) : x.dim(-1); }

// Rows of a tensor whose leading axes may be strided views: the row's first element.
const float* row_pointer(const Tensor& x, int64_t row) {
  int64_t offset = 0;
  for (int axis = x.rank() - 2; axis >= 0; --axis) {
    offset += row % x.dim(axis) * x.stride(axis);
    row /= x.dim(axis);
  }
  return x.data<float>() + offset;
}

}  // namespace

Tensor swiglu(Context& context, const Tensor& up, const Tensor& gate) {
  require_f32(up, "swiglu");
  require_f32(gate, "swiglu");
  require(up.shape() == gate.shape() && up.stride(-1) == 1 && gate.stride(-1) == 1, Code::kInternal,
          "swiglu: expected two equal shapes with a dense last axis; got ", up.shape(), " and ",
          gate.shape(), ".");
  const int64_t n = up.dim(-1);
  Tensor y = context.empty(up.shape());
  ON_CUDA(context) {
    const Tensor u = with_regular_rows(context, up), g = with_regular_rows(context, gate);
    cuda::swiglu(stream(context), on_device<float>(u), row_step(u), on_device<float>(g),
                 row_step(g), on_device<float>(y), n ? up.numel() / n : 0, n);
    return y;
  }
  context.threads().parallel_for(up.numel() / n, 1 + 16384 / n, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      cpu::kernels().swiglu(row_pointer(up, row), row_pointer(gate, row), y.data<float>() + row * n,
                            n);
    }
  });
  return y;
}

}  // namespace vmolmo::ops
