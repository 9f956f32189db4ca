#include "native/ops/gather.h"

#include <algorithm>
#include <cstring>

#include "native/kernels/cpu/kernels.h"
#include "native/ops/checks.h"

namespace vmolmo::ops {

Tensor gather_rows(Context& context, const Tensor& table, std::span<const int32_t> ids) {
  require_rank(table, 2, "gather_rows");
  require(table.is_contiguous(), Code::kInternal, "gather_rows: the table must be contiguous.");
  require(table.dtype() == DType::kF32 || table.dtype() == DType::kBF16, Code::kInternal,
          "gather_rows: expected an F32 or BF16 table; got ", table.dtype(), ".");
  const int64_t width = table.dim(1);
  Tensor rows = context.empty({static_cast<int64_t>(ids.size()), width});
  for (size_t i = 0; i < ids.size(); ++i) {
    require(ids[i] >= 0 && ids[i] < table.dim(0), Code::kInvalidArgument, "Id ", ids[i],
            " lies outside the table of ", table.dim(0), " rows.");
    float* out = rows.data<float>() + static_cast<int64_t>(i) * width;
    if (table.dtype() == DType::kF32) {
      std::memcpy(out, table.data<float>() + ids[i] * width, sizeof(float) * size_t(width));
    } else {
      const BFloat16* row = table.data<BFloat16>() + ids[i] * width;
      for (int64_t c = 0; c < width; ++c) out[c] = static_cast<float>(row[c]);
    }
  }
  return rows;
}

void scatter_add_rows(Context&, Tensor& x, const Tensor& rows, std::span<const int32_t> index) {
  require_f32(x, "scatter_add_rows");
  require_f32(rows, "scatter_add_rows");
  require(x.rank() == 2 && rows.rank() == 2 && x.dim(1) == rows.dim(1) &&
              rows.dim(0) == static_cast<int64_t>(index.size()) && x.is_contiguous() &&
              rows.is_contiguous(),
          Code::kInternal, "scatter_add_rows: x ", x.shape(), ", rows ", rows.shape(), " and ",
          index.size(), " indices do not match.");
  const int64_t width = x.dim(1);
  for (size_t i = 0; i < index.size(); ++i) {
    if (index[i] < 0) continue;
    require(index[i] < x.dim(0), Code::kInvalidArgument, "Row ", index[i], " lies outside ",
            x.shape(), ".");
    float* out = x.data<float>() + index[i] * width;
    const float* in = rows.data<float>() + static_cast<int64_t>(i) * width;
    for (int64_t c = 0; c < width; ++c) out[c] += in[c];
  }
}

std::vector<int32_t> argmax(Context& context, const Tensor& x) {
  const Tensor input = dense_f32(context, x, "argmax");
  const int64_t n = x.dim(-1);
  require(n > 0, Code::kInternal, "argmax: the last axis is empty.");
  std::vector<int32_t> best(static_cast<size_t>(input.numel() / n));
  for (size_t r = 0; r < best.size(); ++r) {
    const float* row = input.data<float>() + static_cast<int64_t>(r) * n;
    best[r] = static_cast<int32_t>(std::max_element(row, row + n) - row);
  }
  return best;
}

Tensor softmax(Context& context, const Tensor& x) {
  const Tensor input = dense_f32(context, x, "softmax");
  const int64_t n = x.dim(-1);
  Tensor y = context.empty(x.shape());
  if (n == 0) return y;
  context.threads().parallel_for(input.numel() / n, 1 + 8192 / n, [&](int64_t begin, int64_t end) {
    cpu::kernels().softmax(input.data<float>() + begin * n, y.data<float>() + begin * n,
                           end - begin, n);
  });
  return y;
}

}  // namespace vmolmo::ops
