#include "native/ops/step_rows.h"

#include <algorithm>

#include "native/kernels/cuda/attention_split.h"
#include "native/kernels/cuda/rope_append.h"
#include "native/ops/attention.h"
#include "native/ops/checks.h"
#include "native/ops/on_cuda.h"

namespace vmolmo::ops {
namespace {

void check_cache(const Tensor& keys, const Tensor& values, int64_t kv_heads, int64_t d,
                 const char* op) {
  require(keys.rank() == 4 && keys.shape() == values.shape() && keys.dtype() == values.dtype() &&
              keys.is_contiguous() && values.is_contiguous() && keys.dim(2) == kv_heads &&
              keys.dim(3) == d,
          Code::kInternal, op, ": a cache of keys ", keys.shape(), " and values ", values.shape(),
          " does not fit ", kv_heads, " heads of ", d, ".");
}

void check_rows(const Tensor& x, const StepRows& rows, const char* op) {
  require_f32(x, op);
  require_rank(x, 3, op);
  require(x.stride(2) == 1 && x.stride(1) == x.dim(2), Code::kInternal, op,
          ": the heads of a row must lie side by side.");
  for (const Tensor* numbers : {&rows.slots, &rows.positions}) {
    require(numbers->dtype() == DType::kI32 && numbers->numel() == x.dim(0), Code::kInternal, op,
            ": ", x.dim(0), " rows with ", numbers->dtype(), " ", numbers->shape(),
            " slots or positions.");
  }
}

// The places as the CPU's loops read them.
struct HostRows {
  const int32_t* slots;
  const int32_t* positions;

  explicit HostRows(const StepRows& rows)
      : slots(rows.slots.data<int32_t>()), positions(rows.positions.data<int32_t>()) {}
};

}  // namespace

void rope_append(Context& context, Tensor& q, Tensor& k, const Tensor& v, const RopeTable& table,
                 const StepRows& rows, const Tensor& keys, const Tensor& values) {
  for (const Tensor* x : {static_cast<const Tensor*>(&q), static_cast<const Tensor*>(&k), &v})
    check_rows(*x, rows, "rope_append");
  check_cache(keys, values, k.dim(1), k.dim(2), "rope_append");
  require(k.shape() == v.shape() && q.dim(2) == k.dim(2) && rows.longest <= table.cos.dim(0) &&
              rows.longest <= keys.dim(1),
          Code::kInternal, "rope_append: q ", q.shape(), ", k ", k.shape(), " and v ", v.shape(),
          " below position ", rows.longest, " do not fit ", keys.shape(), " and a table of ",
          table.cos.shape(), ".");
  ON_CUDA(context) {
    cuda::RopeAppend call;
    call.q = on_device<float>(q), call.k = on_device<float>(k), call.v = on_device<float>(v);
    call.cache_k = on_device_values(keys);
    call.cache_v = on_device_values(values);
    call.cos = on_device<float>(table.cos), call.sin = on_device<float>(table.sin);
    call.q_row = q.stride(0), call.k_row = k.stride(0), call.v_row = v.stride(0);
    call.rows = q.dim(0), call.heads = q.dim(1), call.kv_heads = k.dim(1), call.d = k.dim(2);
    call.positions = on_device<int32_t>(rows.positions);
    call.slots = on_device<int32_t>(rows.slots);
    call.slot_step = keys.stride(0);
    call.bf16 = keys.dtype() == DType::kBF16;
    return cuda::rope_append(stream(context), call);
  }
  const HostRows host(rows);
  for (int64_t row = 0; row < q.dim(0); ++row) {
    Tensor one_q = q.slice(0, row, row + 1), one_k = k.slice(0, row, row + 1);
    rope_rotate_half(context, one_q, table, host.positions[row]);
    rope_append(context, one_k, v.slice(0, row, row + 1), table, host.positions[row],
                keys[host.slots[row]], values[host.slots[row]]);
  }
}

Tensor attention(Context& context, const Tensor& q, const Tensor& keys, const Tensor& values,
                 const StepRows& rows) {
  check_rows(q, rows, "attention");
  check_cache(keys, values, keys.dim(2), q.dim(2), "attention");
  require(q.dim(1) % keys.dim(2) == 0, Code::kInternal, "attention: ", q.dim(1),
          " heads do not share ", keys.dim(2), ".");
  const Tensor out = context.empty({q.dim(0), q.dim(1) * q.dim(2)});
  AttentionOptions options;
  options.path = RowPath::kStream;
  ON_CUDA(context) {
    const cuda::SplitAttention shape{static_cast<int32_t>(q.dim(1)),
                                     static_cast<int32_t>(keys.dim(2)),
                                     static_cast<int32_t>(q.dim(2)),
                                     options.scale_for(q.dim(2)),
                                     true,
                                     keys.dtype() == DType::kBF16};
    cuda::SplitRows call;
    call.q = on_device<float>(q), call.q_row = q.stride(0);
    call.k = on_device_values(keys), call.v = on_device_values(values);
    call.slot_step = keys.stride(0);
    call.out = on_device<float>(out);
    call.positions = on_device<int32_t>(rows.positions);
    call.slots = on_device<int32_t>(rows.slots);
    call.rows = static_cast<int32_t>(q.dim(0));
    call.longest = static_cast<int32_t>(std::min(rows.longest, keys.dim(1)));
    require(cuda::attention_split_supports(shape, call), Code::kInternal,
            "attention: the rows of a step need heads of a multiple of 4 up to 256 channels, at "
            "multiples of 16 bytes; got q ",
            q.shape(), " with rows ", q.stride(0), " apart and keys ", keys.shape(), ".");
    const Tensor workspace = scratch(context, cuda::attention_split_workspace_bytes(shape, call));
    cuda::attention_split(stream(context), shape, call, on_device<uint8_t>(workspace));
    return out;
  }
  const HostRows host(rows);
  for (int64_t row = 0; row < q.dim(0); ++row) {
    const int64_t slot = host.slots[row], end = host.positions[row] + 1;
    const Tensor one = q.slice(0, row, row + 1), k = keys[slot].slice(0, 0, end),
                 v = values[slot].slice(0, 0, end);
    copy_into(context, attention_varlen(context, {&one, 1}, {&k, 1}, {&v, 1}, {&options, 1})[0],
              out.slice(0, row, row + 1));
  }
  return out;
}

}  // namespace vmolmo::ops
