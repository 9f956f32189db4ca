#include "native/ops/rope.h"

#include <cmath>

#include "native/kernels/cpu/loops.h"
#include "native/kernels/cuda/rope_append.h"
#include "native/kernels/cuda/rows.h"
#include "native/ops/checks.h"
#include "native/ops/on_cuda.h"

namespace vmolmo::ops {

RopeTable make_rope_table(int64_t begin, int64_t end, int64_t head_dim, double theta) {
  require(begin >= 0 && end >= begin && head_dim > 0 && head_dim % 2 == 0, Code::kInternal,
          "make_rope_table: positions ", begin, " .. ", end, ", head size ", head_dim, ".");
  const int64_t half = head_dim / 2;
  RopeTable table{Tensor::empty(cpu_heap(), {end - begin, half}),
                  Tensor::empty(cpu_heap(), {end - begin, half})};
  float* cosines = table.cos.data<float>();
  float* sines = table.sin.data<float>();
  for (int64_t i = 0; i < half; ++i) {
    const float exponent = static_cast<float>(2 * i) / static_cast<float>(head_dim);
    const float inverse = 1.0f / std::pow(static_cast<float>(theta), exponent);
    for (int64_t p = begin; p < end; ++p) {
      const float angle = static_cast<float>(p) * inverse;
      cosines[(p - begin) * half + i] = std::cos(angle);
      sines[(p - begin) * half + i] = std::sin(angle);
    }
  }
  return table;
}

void rope_rotate_half(Context& context, Tensor& x, const RopeTable& table, int64_t table_offset) {
  require_operand(context, x, "rope_rotate_half");
  require_rank(x, 3, "rope_rotate_half");
  const int64_t half = x.dim(2) / 2;
  require(x.stride(-1) == 1 && table.cos.dim(1) == half && table_offset >= 0 &&
              table_offset + x.dim(0) <= table.cos.dim(0),
          Code::kInternal, "rope_rotate_half: x ", x.shape(), " at row ", table_offset,
          " does not fit a table of ", table.cos.shape(), ".");
  ON_CUDA(context) {
    const int64_t first = table_offset * half;
    return with_elements(x, [&](auto* elements) {
      cuda::rope_rotate_half(stream(context), elements, x.stride(0), x.stride(1),
                             on_device<float>(table.cos) + first,
                             on_device<float>(table.sin) + first, x.dim(0), x.dim(1), half);
    });
  }
  float* data = x.data<float>();
  const int64_t heads = x.dim(1);
  const int64_t row_stride = x.stride(0), head_stride = x.stride(1);
  const float* cosines = table.cos.data<float>();
  const float* sines = table.sin.data<float>();
  const int64_t grain = 1 + 8192 / (heads * half + 1);
  context.threads().parallel_for(x.dim(0), grain, [&](int64_t begin, int64_t end) {
    for (int64_t n = begin; n < end; ++n) {
      const float* c = cosines + (table_offset + n) * half;
      const float* s = sines + (table_offset + n) * half;
      for (int64_t h = 0; h < heads; ++h)
        cpu::loops().rotate_halves(data + n * row_stride + h * head_stride, c, s, half);
    }
  });
}

void rope_append(Context& context, Tensor& k, const Tensor& v, const RopeTable& table,
                 int64_t position, const Tensor& keys, const Tensor& values) {
  const int64_t end = position + k.dim(0);
  for (const Tensor* rows : {static_cast<const Tensor*>(&k), &v}) {
    require_f32(*rows, "rope_append");
    require_rank(*rows, 3, "rope_append");
    require(rows->stride(2) == 1 && rows->stride(1) == rows->dim(2), Code::kInternal,
            "rope_append: the heads of a row must lie side by side.");
  }
  require(k.shape() == v.shape() && end <= keys.dim(0) && end <= table.cos.dim(0), Code::kInternal,
          "rope_append: rows ", k.shape(), " at ", position, " do not fit ", keys.shape(),
          " and a table of ", table.cos.shape(), ".");
  ON_CUDA(context) {
    cuda::RopeAppend call;
    call.k = on_device<float>(k), call.v = on_device<float>(v);
    call.cache_k = on_device_values(keys), call.cache_v = on_device_values(values);
    call.bf16 = keys.dtype() == DType::kBF16;
    call.cos = on_device<float>(table.cos), call.sin = on_device<float>(table.sin);
    call.k_row = k.stride(0), call.v_row = v.stride(0);
    call.rows = k.dim(0), call.kv_heads = k.dim(1), call.d = k.dim(2);
    call.position = position;
    return cuda::rope_append(stream(context), call);
  }
  rope_rotate_half(context, k, table, position);
  copy_into(context, k, keys.slice(0, position, end));
  copy_into(context, v, values.slice(0, position, end));
}

RopeTable make_axial_rope_table(int64_t side, int64_t head_dim, double theta) {
  require(side > 0 && head_dim > 0 && head_dim % 4 == 0, Code::kInternal,
          "make_axial_rope_table: side ", side, ", head size ", head_dim, ".");
  const int64_t half = head_dim / 2, quarter = head_dim / 4;
  RopeTable table{Tensor::empty(cpu_heap(), {side * side, half}),
                  Tensor::empty(cpu_heap(), {side * side, half})};
  float* cosines = table.cos.data<float>();
  float* sines = table.sin.data<float>();
  for (int64_t j = 0; j < quarter; ++j) {
    const float exponent = static_cast<float>(4 * j) / static_cast<float>(head_dim);
    const float frequency = 1.0f / std::pow(static_cast<float>(theta), exponent);
    for (int64_t t = 0; t < side * side; ++t) {
      const float column = static_cast<float>(t % side) * frequency;
      const float row = static_cast<float>(t / side) * frequency;
      cosines[t * half + j] = std::cos(column);
      sines[t * half + j] = std::sin(column);
      cosines[t * half + quarter + j] = std::cos(row);
      sines[t * half + quarter + j] = std::sin(row);
    }
  }
  return table;
}

void rope_axial(Context& context, Tensor& x, const RopeTable& table) {
  require_operand(context, x, "rope_axial");
  require(
      (x.rank() == 2 || x.rank() == 3) && x.stride(-1) == 1 && table.cos.dim(1) == x.dim(-1) / 2,
      Code::kInternal, "rope_axial: x ", x.shape(), " does not fit a table of ", table.cos.shape(),
      ".");
  const int64_t half = x.dim(-1) / 2;
  const int64_t rows = x.dim(-2);
  const int64_t batch = x.rank() == 3 ? x.dim(0) : 1;
  const int64_t batch_stride = x.rank() == 3 ? x.stride(0) : 0;
  const int64_t row_stride = x.stride(-2);
  const int64_t period = table.cos.dim(0);
  ON_CUDA(context) {
    return with_elements(x, [&](auto* elements) {
      cuda::rope_axial(stream(context), elements, batch_stride, row_stride,
                       on_device<float>(table.cos), on_device<float>(table.sin), batch, rows, half,
                       period);
    });
  }
  float* data = x.data<float>();
  const float* cosines = table.cos.data<float>();
  const float* sines = table.sin.data<float>();
  context.threads().parallel_for(batch * rows, 1 + 8192 / (half + 1),
                                 [&](int64_t begin, int64_t end) {
                                   for (int64_t at = begin; at < end; ++at) {
                                     const int64_t n = at % rows;
                                     float* pair = data + at / rows * batch_stride + n * row_stride;
                                     cpu::loops().rotate_pairs(pair, cosines + n % period * half,
                                                               sines + n % period * half, half);
                                   }
                                 });
}

}  // namespace vmolmo::ops
