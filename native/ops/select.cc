#include "native/ops/select.h"

#include <algorithm>

#include "native/kernels/cpu/loops.h"
#include "native/kernels/cpu/select.h"
#include "native/kernels/cuda/select.h"
#include "native/ops/checks.h"
#include "native/ops/on_cuda.h"

namespace vmolmo::ops {
namespace {

void require_choices(const Tensor& index, int64_t count, const char* op) {
  require(index && index.dtype() == DType::kI32 && index.numel() == count && index.is_contiguous(),
          Code::kInternal, op, ": expected ", count, " choices (I32).");
}

// What happens to an entry whose gate is closed.
struct Closed {
  cuda::GateAction action;
  Tensor row;  // dense; none: `value` everywhere
  float value = 0.0f;
};

void apply_gate(Context& context, Tensor& x, const Tensor& gate, const Closed& closed,
                const char* op) {
  require_f32(x, op);
  const Tensor open = dense_f32(context, gate, op);
  require(x.rank() >= 1 && x.is_contiguous() && open.numel() == x.dim(0), Code::kInternal, op,
          ": a gate of ", gate.shape(), " does not fit ", x.shape(), ".");
  if (x.numel() == 0) return;
  const int64_t inner = x.numel() / x.dim(0), period = closed.row ? closed.row.numel() : 1;
  ON_CUDA(context) {
    return cuda::apply_gate(stream(context), on_device<float>(x), on_device<float>(open), x.dim(0),
                            inner, on_device_or_null(closed.row), closed.value, period,
                            closed.action);
  }
  for (int64_t b = 0; b < x.dim(0); ++b) {
    if (open.data<float>()[b] > 0.0f) continue;
    float* out = x.data<float>() + b * inner;
    if (!closed.row) {
      std::fill_n(out, inner, closed.value);
      continue;
    }
    const float* row = closed.row.data<float>();
    for (int64_t at = 0; at < inner; at += period) {
      if (closed.action == cuda::GateAction::kAdd) {
        cpu::loops().add(out + at, row, 1.0f, out + at, period);
      } else {
        std::copy_n(row, period, out + at);
      }
    }
  }
}

Tensor entry_row(Context& context, const Tensor& x, const Tensor& row, const char* op) {
  bool fits = row.rank() < x.rank();
  for (int axis = 1; fits && axis <= row.rank(); ++axis) fits = row.dim(-axis) == x.dim(-axis);
  require(fits, Code::kInternal, op, ": the shape ", row.shape(), " is no trailing part of ",
          x.shape(), "'s entries.");
  return dense_f32(context, row, op);
}

}  // namespace

Tensor best_column(Context& context, const Tensor& x, int64_t begin) {
  require_rank(x, 2, "best_column");
  require(begin >= 0 && begin < x.dim(1), Code::kInternal, "best_column: no column ", begin, " in ",
          x.shape(), ".");
  const Tensor input = dense_f32(context, x, "best_column");
  const int64_t rows = x.dim(0), columns = x.dim(1);
  Tensor best = context.empty({rows}, DType::kI32);
  ON_CUDA(context) {
    cuda::best_column(stream(context), on_device<float>(input), rows, columns, begin,
                      on_device<int32_t>(best));
    return best;
  }
  cpu::best_column(input.data<float>(), rows, columns, begin, best.data<int32_t>());
  return best;
}

Tensor pick(Context& context, const Tensor& x, const Tensor& index, int64_t shift) {
  require(x.rank() >= 2, Code::kInternal, "pick: expected [B, N, ...]; got ", x.shape(), ".");
  const Tensor input = dense_f32(context, x, "pick");
  const int64_t batch = x.dim(0), columns = x.dim(1);
  require_choices(index, batch, "pick");
  Shape shape{batch};
  for (int axis = 2; axis < x.rank(); ++axis) shape.push_back(x.dim(axis));
  Tensor out = context.empty(shape);
  if (out.numel() == 0) return out;
  const int64_t inner = out.numel() / batch;
  ON_CUDA(context) {
    cuda::pick(stream(context), on_device<float>(input), on_device<int32_t>(index), shift, batch,
               columns, inner, on_device<float>(out));
    return out;
  }
  for (int64_t b = 0; b < batch; ++b) {
    const int64_t column = index.data<int32_t>()[b] + shift;
    require(column >= 0 && column < columns, Code::kInternal, "pick: no column ", column, " in ",
            x.shape(), ".");
    std::copy_n(input.data<float>() + (b * columns + column) * inner, inner,
                out.data<float>() + b * inner);
  }
  return out;
}

Tensor zero_if_stable(Context& context, const Tensor& logits, float delta, float threshold,
                      const Tensor& fallback) {
  const Tensor input = dense_f32(context, logits, "zero_if_stable");
  const int64_t batch = logits.dim(0);
  require_choices(fallback, batch, "zero_if_stable");
  Tensor choice = context.empty({batch}, DType::kI32);
  if (batch == 0) return choice;
  const int64_t pixels = logits.numel() / batch;
  ON_CUDA(context) {
    const Tensor areas = context.zeros({batch, 2}, DType::kI64);
    cuda::zero_if_stable(stream(context), on_device<float>(input), batch, pixels, delta, threshold,
                         on_device<int32_t>(fallback),
                         reinterpret_cast<unsigned long long*>(on_device<int64_t>(areas)),
                         on_device<int32_t>(choice));
    return choice;
  }
  cpu::zero_if_stable(input.data<float>(), batch, pixels, delta, threshold,
                      fallback.data<int32_t>(), choice.data<int32_t>());
  return choice;
}

void gated_fill_inplace(Context& context, Tensor& x, const Tensor& gate, float value) {
  apply_gate(context, x, gate, {cuda::GateAction::kReplace, {}, value}, "gated_fill_inplace");
}

void gated_replace_inplace(Context& context, Tensor& x, const Tensor& gate, const Tensor& row) {
  const Tensor dense = entry_row(context, x, row, "gated_replace_inplace");
  apply_gate(context, x, gate, {cuda::GateAction::kReplace, dense}, "gated_replace_inplace");
}

void gated_add_inplace(Context& context, Tensor& x, const Tensor& gate, const Tensor& row) {
  const Tensor dense = entry_row(context, x, row, "gated_add_inplace");
  apply_gate(context, x, gate, {cuda::GateAction::kAdd, dense}, "gated_add_inplace");
}

}  // namespace vmolmo::ops
