#include "native/ops/tokens.h"

#include <cstring>

#include "native/kernels/cpu/loops.h"
#include "native/kernels/cpu/select.h"
#include "native/kernels/cuda/tokens.h"
#include "native/ops/checks.h"
#include "native/ops/on_cuda.h"

namespace vmolmo::ops {
namespace {

void copy_row(const Tensor& table, int64_t row, float* out) {
  const int64_t width = table.dim(1);
  if (table.dtype() == DType::kF32) {
    std::memcpy(out, table.data<float>() + row * width, sizeof(float) * size_t(width));
    return;
  }
  cpu::loops().widen(&table.data<BFloat16>()[row * width].bits, out, width);
}

cuda::EmbeddingTables describe(const Tensor& table, const Tensor& extra) {
  cuda::EmbeddingTables call;
  const Tensor* both[] = {&table, &extra};
  for (int i = 0; i < 2; ++i) {
    const Tensor& one = *both[i];
    if (!one) continue;
    call.bf16[i] = one.dtype() == DType::kBF16;
    call.tables[i] = on_device_values(one);
  }
  call.rows = table.dim(0), call.width = table.dim(1);
  return call;
}

}  // namespace

Tensor embed_tokens(Context& context, const Tensor& table, const Tensor& extra, const Tensor& ids) {
  for (const Tensor* one : {&table, &extra}) {
    if (!*one && one == &extra) continue;
    require_rank(*one, 2, "embed_tokens");
    require(one->is_contiguous() && one->dim(1) == table.dim(1) &&
                (one->dtype() == DType::kF32 || one->dtype() == DType::kBF16),
            Code::kInternal,
            "embed_tokens: expected contiguous F32 or BF16 tables of one width; got ", one->dtype(),
            " ", one->shape(), " beside ", table.shape(), ".");
  }
  require(ids.dtype() == DType::kI32, Code::kInternal, "embed_tokens: expected I32 ids; got ",
          ids.dtype(), ".");
  const int64_t count = ids.numel(), width = table.dim(1);
  Tensor rows = context.empty({count, width});
  if (count == 0) return rows;
  ON_CUDA(context) {
    cuda::embed_tokens(stream(context), describe(table, extra), on_device<int32_t>(ids),
                       on_device<float>(rows), count);
    return rows;
  }
  for (int64_t i = 0; i < count; ++i) {
    const int64_t id = ids.data<int32_t>()[i], own = table.dim(0);
    copy_row(id < own ? table : extra, id < own ? id : id - own, rows.data<float>() + i * width);
  }
  return rows;
}

Tensor argmax_ids(Context& context, const Tensor& x) {
  const Tensor input = dense_f32(context, x, "argmax");
  const int64_t n = x.dim(-1);
  require(n > 0, Code::kInternal, "argmax: the last axis is empty.");
  const int64_t rows = input.numel() / n;
  Tensor best = context.empty({rows}, DType::kI32);
  if (rows == 0) return best;
  ON_CUDA(context) {
    cuda::argmax(stream(context), on_device<float>(input), on_device<int32_t>(best), rows, n);
    return best;
  }
  cpu::best_column(input.data<float>(), rows, n, 0, best.data<int32_t>());
  return best;
}

std::vector<int32_t> argmax(Context& context, const Tensor& x) {
  const Tensor best = context.to_host(argmax_ids(context, x));
  const auto* ids = best.data<int32_t>();
  return {ids, ids + best.numel()};
}

}  // namespace vmolmo::ops
