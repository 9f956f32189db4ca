#include "native/ops/gather.h"

#include "native/kernels/cpu/kernels.h"
#include "native/kernels/cpu/rows.h"
#include "native/kernels/cuda/rows.h"
#include "native/ops/checks.h"
#include "native/ops/on_cuda.h"
#include "native/ops/tokens.h"

namespace vmolmo::ops {
namespace {

Tensor ids_on_device(Context& context, std::span<const int32_t> ids) {
  const Shape shape{static_cast<int64_t>(ids.size())};
  return context.to_device(Tensor::borrow(ids.data(), shape, DType::kI32));
}

}  // namespace

Tensor gather_rows(Context& context, const Tensor& table, std::span<const int32_t> ids) {
  require_rank(table, 2, "gather_rows");
  for (const int32_t id : ids) {
    require(id >= 0 && id < table.dim(0), Code::kInvalidArgument, "Id ", id,
            " lies outside the table of ", table.dim(0), " rows.");
  }
  return embed_tokens(context, table, {}, ids_on_device(context, ids));
}

void scatter_add_rows(Context& context, Tensor& x, const Tensor& rows,
                      std::span<const int32_t> index) {
  require_f32(x, "scatter_add_rows");
  require_f32(rows, "scatter_add_rows");
  require(x.rank() == 2 && rows.rank() == 2 && x.dim(1) == rows.dim(1) &&
              rows.dim(0) == static_cast<int64_t>(index.size()) && x.is_contiguous() &&
              rows.is_contiguous(),
          Code::kInternal, "scatter_add_rows: x ", x.shape(), ", rows ", rows.shape(), " and ",
          index.size(), " indices do not match.");
  const int64_t width = x.dim(1);
  for (const int32_t row : index) {
    require(row < x.dim(0), Code::kInvalidArgument, "Row ", row, " lies outside ", x.shape(), ".");
  }
  ON_CUDA(context) {
    if (index.empty()) return;
    return cuda::scatter_add_rows(stream(context), on_device<float>(x), on_device<float>(rows),
                                  on_device<int32_t>(ids_on_device(context, index)), rows.dim(0),
                                  width);
  }
  cpu::scatter_add_rows(x.data<float>(), rows.data<float>(), index.data(), rows.dim(0), width);
}

Tensor softmax(Context& context, const Tensor& x) {
  const Tensor input = dense_f32(context, x, "softmax");
  const int64_t n = x.dim(-1);
  Tensor y = context.empty(x.shape());
  if (n == 0) return y;
  ON_CUDA(context) {
    cuda::softmax(stream(context), on_device<float>(input), on_device<float>(y), y.numel() / n, n);
    return y;
  }
  context.threads().parallel_for(input.numel() / n, 1 + 8192 / n, [&](int64_t begin, int64_t end) {
    cpu::kernels().softmax(input.data<float>() + begin * n, y.data<float>() + begin * n,
                           end - begin, n);
  });
  return y;
}

}  // namespace vmolmo::ops
