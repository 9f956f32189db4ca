#include "native/ops/attention_device.h"

#include <algorithm>

#include "native/kernels/cuda/attention_simple.h"
#include "native/kernels/cuda/attention_split.h"
#include "native/kernels/cuda/attention_tensor.h"
#include "native/ops/kernel_choice.h"
#include "native/ops/on_cuda.h"

namespace vmolmo::ops {
namespace {

// One sequence, or with `extra` = 1 a batch of them.
void run_simple(Context& context, const Tensor& q, const Tensor& k, const Tensor& v,
                const Tensor& out, int extra, const AttentionOptions& options) {
  require(q.dim(-1) <= cuda::kLargestSimpleHead && v.dim(-1) <= cuda::kLargestSimpleHead,
          Code::kInternal, "attention: heads of ", q.dim(-1), " and ", v.dim(-1),
          " channels; on a GPU up to ", cuda::kLargestSimpleHead, " are supported.");
  cuda::SimpleAttention call;
  call.q = on_device<float>(q);
  call.k = on_device<float>(k);
  call.v = on_device<float>(v);
  call.out = on_device<float>(out);
  call.q_row = q.stride(-3);
  call.q_head = q.stride(-2);
  call.k_row = k.stride(-3);
  call.k_head = k.stride(-2);
  call.v_row = v.stride(-3);
  call.v_head = v.stride(-2);
  if (extra) {
    call.batch = q.dim(0);
    call.q_batch = q.stride(0);
    call.k_batch = k.stride(0);
    call.v_batch = v.stride(0);
  }
  call.nq = q.dim(-3);
  call.nk = k.dim(-3);
  call.heads = q.dim(-2);
  call.kv_heads = k.dim(-2);
  call.d = q.dim(-1);
  call.dv = v.dim(-1);
  call.scale = options.scale_for(q.dim(-1));
  call.causal = options.causal;
  call.offset = options.query_offset;
  cuda::attention_simple(stream(context), call);
}

// Sequences [N, H, D] that go through one kernel: they share heads, head sizes, scale and mask.
struct Sequences {
  std::vector<Tensor> q, k, v;
  std::vector<float*> out;
  std::vector<int64_t> offsets;
  float scale = 1.0f;
  bool causal = false;
  RowPath path = RowPath::kAuto;

  void add(const Tensor& queries, const Tensor& keys, const Tensor& values, float* target,
           int64_t offset) {
    q.push_back(queries), k.push_back(keys), v.push_back(values);
    out.push_back(target), offsets.push_back(offset);
  }
};

std::vector<cuda::SplitSequence> split_views(const Sequences& all) {
  std::vector<cuda::SplitSequence> views;
  for (size_t i = 0; i < all.q.size(); ++i) {
    const Tensor &q = all.q[i], &k = all.k[i], &v = all.v[i];
    cuda::SplitSequence view;
    view.q = on_device<float>(q), view.k = on_device<float>(k), view.v = on_device<float>(v);
    view.out = all.out[i];
    view.q_row = q.stride(0), view.q_head = q.stride(1);
    view.k_row = k.stride(0), view.k_head = k.stride(1);
    view.v_row = v.stride(0), view.v_head = v.stride(1);
    view.nq = static_cast<int32_t>(q.dim(0)), view.nk = static_cast<int32_t>(k.dim(0));
    view.offset = static_cast<int32_t>(all.offsets[i]);
    views.push_back(view);
  }
  return views;
}

cuda::SplitAttention split_shape(const Sequences& all) {
  const Tensor& q = all.q[0];
  return {static_cast<int32_t>(q.dim(1)), static_cast<int32_t>(all.k[0].dim(1)),
          static_cast<int32_t>(q.dim(2)), all.scale, all.causal};
}

void run_split(Context& context, const Sequences& all) {
  const std::vector<cuda::SplitSequence> views = split_views(all);
  const cuda::SplitAttention shape = split_shape(all);
  const Tensor workspace = scratch(context, cuda::attention_split_workspace_bytes(shape, views));
  cuda::attention_split(stream(context), shape, views, on_device<uint8_t>(workspace));
}

// [N, H, D] f32 as [N, H, padded] bf16, contiguous.
Tensor rounded(Context& context, const Tensor& x, int64_t padded) {
  Tensor out = context.empty({x.dim(0), x.dim(1), padded}, DType::kBF16);
  cuda::round_heads(stream(context), on_device<float>(x), x.stride(0), x.stride(1),
                    on_device_words(out), x.dim(0), x.dim(1), x.dim(2), padded);
  return out;
}

void run_tensor(Context& context, const Sequences& all) {
  const cuda::HeadSizes sizes = cuda::padded_heads(all.q[0].dim(2), all.v[0].dim(2));
  std::vector<Tensor> keep;
  std::vector<cuda::TensorSequence> views;
  for (size_t i = 0; i < all.q.size(); ++i) {
    const Tensor q = rounded(context, all.q[i], sizes.d), k = rounded(context, all.k[i], sizes.d);
    const Tensor v = rounded(context, all.v[i], sizes.dv);
    keep.insert(keep.end(), {q, k, v});
    cuda::TensorSequence view;
    view.q = on_device_words(q), view.k = on_device_words(k), view.v = on_device_words(v);
    view.out = all.out[i];
    view.q_row = q.stride(0), view.q_head = q.stride(1);
    view.k_row = k.stride(0), view.k_head = k.stride(1);
    view.v_row = v.stride(0), view.v_head = v.stride(1);
    view.nq = static_cast<int32_t>(q.dim(0)), view.nk = static_cast<int32_t>(k.dim(0));
    view.offset = static_cast<int32_t>(all.offsets[i]);
    views.push_back(view);
  }
  cuda::TensorAttention shape;
  shape.heads = static_cast<int32_t>(all.q[0].dim(1));
  shape.kv_heads = static_cast<int32_t>(all.k[0].dim(1));
  shape.d = static_cast<int32_t>(all.q[0].dim(2));
  shape.dv = static_cast<int32_t>(all.v[0].dim(2));
  shape.scale = all.scale, shape.causal = all.causal;
  // A split of the keys depends on the number of queries.
  const int splits = all.path == RowPath::kAuto
                         ? cuda::plan_key_splits(shape, views, context.pool().multiprocessors())
                         : 1;
  const Tensor workspace = scratch(context, cuda::attention_workspace_bytes(shape, views, splits));
  cuda::attention_tensor(stream(context), shape, views, splits, on_device<uint8_t>(workspace));
}

AttentionKernel choose(Context& context, const Sequences& all) {
  AttentionShape shape;
  for (size_t i = 0; i < all.q.size(); ++i) {
    shape.nq = std::max(shape.nq, all.q[i].dim(0));
    shape.nk = std::max(shape.nk, all.k[i].dim(0));
  }
  shape.heads = all.q[0].dim(1), shape.kv_heads = all.k[0].dim(1);
  shape.d = all.q[0].dim(2), shape.dv = all.v[0].dim(2);
  shape.path = all.path;
  shape.products = context.products();
  shape.split = cuda::attention_split_supports(split_shape(all), split_views(all));
  return choose_attention(shape);
}

}  // namespace

void attention_on_device(Context& context, const Tensor& q, const Tensor& k, const Tensor& v,
                         const AttentionOptions& options, const Tensor& out) {
  if (out.numel() == 0) return;
  Sequences all;
  all.scale = options.scale_for(q.dim(-1));
  all.causal = options.causal;
  all.path = options.path;
  const int64_t step = out.numel() / q.dim(0);
  for (int64_t i = 0; i < q.dim(0); ++i)
    all.add(q[i], k[i], v[i], on_device<float>(out) + i * step, options.query_offset);
  switch (choose(context, all)) {
    case AttentionKernel::kSimple:
      return run_simple(context, q, k, v, out, 1, options);
    case AttentionKernel::kSplit:
      return run_split(context, all);
    case AttentionKernel::kTensor:
      return run_tensor(context, all);
  }
}

void attention_varlen_on_device(Context& context, std::span<const Tensor> q,
                                std::span<const Tensor> k, std::span<const Tensor> v,
                                std::span<const AttentionOptions> options,
                                std::span<const Tensor> results) {
  Sequences all;
  bool alike = true;
  for (size_t i = 0; i < q.size(); ++i) {
    if (results[i].numel() == 0) continue;
    if (all.q.empty()) {
      all.scale = options[i].scale_for(q[i].dim(-1));
      all.causal = options[i].causal;
      all.path = options[i].path;
    }
    alike = alike && options[i].scale_for(q[i].dim(-1)) == all.scale &&
            options[i].causal == all.causal && options[i].path == all.path;
    all.add(q[i], k[i], v[i], on_device<float>(results[i]), options[i].query_offset);
  }
  if (all.q.empty()) return;
  const AttentionKernel kernel = alike ? choose(context, all) : AttentionKernel::kSimple;
  if (kernel == AttentionKernel::kSplit) return run_split(context, all);
  if (kernel == AttentionKernel::kTensor) return run_tensor(context, all);
  for (size_t i = 0; i < q.size(); ++i) {
    if (results[i].numel() > 0) run_simple(context, q[i], k[i], v[i], results[i], 0, options[i]);
  }
}

}  // namespace vmolmo::ops
