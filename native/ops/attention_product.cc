#include "native/ops/attention_product.h"

#include "native/kernels/cuda/attention_tensor.h"
#include "native/kernels/cuda/round.h"
#include "native/ops/copy.h"
#include "native/ops/on_cuda.h"

namespace vmolmo::ops {
namespace {

// [B, N, H, D] or [N, H, D] in bf16, rows and heads at multiples of 16 bytes.
struct Operand {
  Tensor tensor;
  const uint16_t* bits = nullptr;
  int64_t batch = 0, row = 0, head = 0;
};

Operand as_they_lie(const Tensor& x) {
  return {x, on_device_words(x), x.rank() == 4 ? x.stride(0) : 0, x.stride(-3), x.stride(-2)};
}

bool readable(const Operand& x) {
  return x.tensor.dim(-1) % 8 == 0 && reinterpret_cast<uintptr_t>(x.bits) % 16 == 0 &&
         (x.batch | x.row | x.head) % 8 == 0;
}

Operand rounded(Context& context, const Tensor& x) {
  const bool regular = x.rank() == 3 || x.dim(0) == 1 || x.stride(0) == x.stride(1) * x.dim(1);
  const Tensor rows = regular ? x : dense_copy(context, x);
  const int64_t padded = cuda::bf16_row(x.dim(-1)), heads = x.dim(-2);
  Shape shape = x.shape();
  shape[-1] = padded;
  const Tensor to = context.empty(shape, DType::kBF16);
  with_elements(rows, [&](const auto* from) {
    cuda::round_heads(stream(context), from, rows.stride(-3), rows.stride(-2), on_device_words(to),
                      to.numel() / (heads * padded), heads, x.dim(-1), padded);
  });
  return as_they_lie(to);
}

Operand operand(Context& context, const Tensor& x) {
  if (x.dtype() != DType::kBF16) return rounded(context, x);
  Operand view = as_they_lie(x);
  return readable(view) ? view : rounded(context, x);
}

cuda::TensorSequence describe(const Operand& q, const Operand& k, const Operand& v,
                              const Tensor& out, int64_t offset, const cuda::AttentionMask& mask) {
  cuda::TensorSequence s;
  s.q = q.bits, s.q_batch = q.batch, s.q_row = q.row, s.q_head = q.head;
  s.k = k.bits, s.k_batch = k.batch, s.k_row = k.row, s.k_head = k.head;
  s.v = v.bits, s.v_batch = v.batch, s.v_row = v.row, s.v_head = v.head;
  s.nq = static_cast<int32_t>(q.tensor.dim(-3)), s.nk = static_cast<int32_t>(k.tensor.dim(-3));
  s.offset = static_cast<int32_t>(offset);
  s.mask = mask;
  if (out.dtype() == DType::kBF16) {
    s.out_bf16 = on_device_words(out);
  } else {
    s.out = on_device<float>(out);
  }
  return s;
}

}  // namespace

void attention_product(Context& context, const AttentionCall& call) {
  std::vector<Operand> keep;
  std::vector<cuda::TensorSequence> sequences;
  for (size_t i = 0; i < call.q.size(); ++i) {
    const Operand q = operand(context, call.q[i]), k = operand(context, call.k[i]);
    const Operand v = operand(context, call.v[i]);
    sequences.push_back(describe(q, k, v, call.out[i], call.offsets[i], call.masks[i]));
    keep.insert(keep.end(), {q, k, v});
  }
  cuda::TensorAttention shape;
  shape.heads = static_cast<int32_t>(call.q[0].dim(-2));
  shape.kv_heads = static_cast<int32_t>(call.k[0].dim(-2));
  shape.d = static_cast<int32_t>(call.q[0].dim(-1));
  shape.dv = static_cast<int32_t>(call.v[0].dim(-1));
  shape.scale = call.scale, shape.causal = call.causal;
  shape.batch = static_cast<int32_t>(call.batch());
  // A split of the keys depends on the number of queries.
  const int splits = call.path == RowPath::kAuto
                         ? cuda::plan_key_splits(shape, sequences, context.pool().multiprocessors())
                         : 1;
  const Tensor workspace =
      scratch(context, cuda::attention_workspace_bytes(shape, sequences, splits));
  cuda::attention_tensor(stream(context), shape, sequences, splits, on_device<uint8_t>(workspace));
}

}  // namespace vmolmo::ops
