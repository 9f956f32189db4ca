#include "native/ops/gather.h"

#include <algorithm>
#include <cstring>

#include "native/kernels/cpu/kernels.h"
#include "native/kernels/cuda/rows.h"
#include "native/ops/checks.h"
#include "native/ops/on_cuda.h"

namespace vmolmo::ops {
namespace {

Tensor ids_on_device(Context& context, std::span<const int32_t> ids) {
  const Shape shape{static_cast<int64_t>(ids.size())};
  return context.to_device(Tensor::borrow(ids.data(), shape, DType::kI32));
}

}  // namespace

Tensor gather_rows(Context& context, const Tensor& table, std::span<const int32_t> ids) {
  require_rank(table, 2, "gather_rows");
  require(table.is_contiguous(), Code::kInternal, "gather_rows: the table must be contiguous.");
  require(table.dtype() == DType::kF32 || table.dtype() == DType::kBF16, Code::kInternal,
          "gather_rows: expected an F32 or BF16 table; got ", table.dtype(), ".");
  const int64_t width = table.dim(1);
  const auto count = static_cast<int64_t>(ids.size());
  Tensor rows = context.empty({count, width});
  for (const int32_t id : ids) {
    require(id >= 0 && id < table.dim(0), Code::kInvalidArgument, "Id ", id,
            " lies outside the table of ", table.dim(0), " rows.");
  }
  if (count == 0) return rows;
  ON_CUDA(context) {
    const Tensor index = ids_on_device(context, ids);
    if (table.dtype() == DType::kF32) {
      cuda::gather_rows(stream(context), on_device<float>(table), on_device<int32_t>(index),
                        on_device<float>(rows), count, width);
    } else {
      cuda::gather_rows_bf16(stream(context), on_device_words(table), on_device<int32_t>(index),
                             on_device<float>(rows), count, width);
    }
    return rows;
  }
  for (size_t i = 0; i < ids.size(); ++i) {
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
  for (size_t i = 0; i < index.size(); ++i) {
    if (index[i] < 0) continue;
    float* out = x.data<float>() + index[i] * width;
    const float* in = rows.data<float>() + static_cast<int64_t>(i) * width;
    for (int64_t c = 0; c < width; ++c) out[c] += in[c];
  }
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
