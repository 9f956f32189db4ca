#include "native/ops/attention_device.h"

#include <algorithm>

#include "native/kernels/cuda/attention_simple.h"
#include "native/kernels/cuda/attention_split.h"
#include "native/kernels/cuda/elementwise.h"
#include "native/ops/attention_mask.h"
#include "native/ops/attention_product.h"
#include "native/ops/copy.h"
#include "native/ops/kernel_choice.h"
#include "native/ops/on_cuda.h"

namespace vmolmo::ops {
namespace {

// Of tensors that the options keep.
cuda::AttentionMask device_mask(const AttentionOptions& options, int64_t keys) {
  const BiasSteps steps = bias_steps(options.bias);
  cuda::AttentionMask mask;
  mask.bias = on_device_or_null(options.bias);
  mask.bias_batch = steps.batch, mask.bias_head = steps.head, mask.bias_row = steps.row;
  if (options.visibility) mask.classes = on_device<int32_t>(classes_from_query(options, keys));
  return mask;
}

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
  call.mask = device_mask(options, call.nk);
  cuda::attention_simple(stream(context), call);
}

std::vector<cuda::SplitSequence> split_views(const AttentionCall& all) {
  std::vector<cuda::SplitSequence> views;
  for (size_t i = 0; i < all.q.size(); ++i) {
    const Tensor &q = all.q[i], &k = all.k[i], &v = all.v[i], &out = all.out[i];
    cuda::SplitSequence view;
    view.q_row = q.stride(-3), view.q_head = q.stride(-2);
    view.k_row = k.stride(-3), view.k_head = k.stride(-2);
    view.v_row = v.stride(-3), view.v_head = v.stride(-2);
    view.nq = static_cast<int32_t>(q.dim(-3)), view.nk = static_cast<int32_t>(k.dim(-3));
    view.offset = static_cast<int32_t>(all.offsets[i]);
    const bool several = q.rank() == 4;
    for (int64_t b = 0; b < (several ? q.dim(0) : 1); ++b) {
      view.q = on_device<float>(several ? q[b] : q);
      view.k = on_device_values(several ? k[b] : k), view.v = on_device_values(several ? v[b] : v);
      view.out = on_device<float>(several ? out[b] : out);
      view.mask = all.masks[i];
      if (view.mask.bias) view.mask.bias += b * view.mask.bias_batch;
      views.push_back(view);
    }
  }
  return views;
}

cuda::SplitAttention split_shape(const AttentionCall& all) {
  const Tensor& q = all.q[0];
  return {static_cast<int32_t>(q.dim(-2)),
          static_cast<int32_t>(all.k[0].dim(-2)),
          static_cast<int32_t>(q.dim(-1)),
          all.scale,
          all.causal,
          all.k[0].dtype() == DType::kBF16};
}

void run_split(Context& context, const AttentionCall& all) {
  const std::vector<cuda::SplitSequence> views = split_views(all);
  const cuda::SplitAttention shape = split_shape(all);
  const Tensor workspace = scratch(context, cuda::attention_split_workspace_bytes(shape, views));
  cuda::attention_split(stream(context), shape, views, on_device<uint8_t>(workspace));
}

bool all_of_type(std::span<const Tensor> tensors, DType dtype) {
  return std::ranges::all_of(tensors, [&](const Tensor& x) { return x.dtype() == dtype; });
}

AttentionKernel choose(Context& context, const AttentionCall& all) {
  AttentionShape shape;
  shape.batch = all.batch();
  for (size_t i = 0; i < all.q.size(); ++i) {
    shape.nq = std::max(shape.nq, all.q[i].dim(-3));
    shape.nk = std::max(shape.nk, all.k[i].dim(-3));
  }
  shape.heads = all.q[0].dim(-2), shape.kv_heads = all.k[0].dim(-2);
  shape.d = all.q[0].dim(-1), shape.dv = all.v[0].dim(-1);
  shape.path = all.path;
  shape.products = context.products();
  const DType keys = all.k[0].dtype();
  shape.split = all_of_type(all.q, DType::kF32) && all_of_type(all.out, DType::kF32) &&
                all_of_type(all.k, keys) && all_of_type(all.v, keys) &&
                cuda::attention_split_supports(split_shape(all), split_views(all));
  return choose_attention(shape);
}

// Around bf16 tensors, for the few that go through no tensor core.
void run_simple_widened(Context& context, const Tensor& q, const Tensor& k, const Tensor& v,
                        const Tensor& out, int extra, const AttentionOptions& options) {
  const Tensor wide_q = widened(context, q), wide_k = widened(context, k);
  const Tensor wide_v = widened(context, v);
  if (out.dtype() == DType::kF32)
    return run_simple(context, wide_q, wide_k, wide_v, out, extra, options);
  const Tensor result = context.empty(out.shape());
  run_simple(context, wide_q, wide_k, wide_v, result, extra, options);
  cuda::round_to_bf16(stream(context), on_device<float>(result), on_device_words(out), out.numel());
}

AttentionCall make_call(const Tensor& q, const AttentionOptions& options) {
  AttentionCall all;
  all.scale = options.scale_for(q.dim(-1));
  all.causal = options.causal;
  all.path = options.path;
  return all;
}

void add(AttentionCall& all, const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& out,
         const AttentionOptions& options) {
  all.q.push_back(q), all.k.push_back(k), all.v.push_back(v), all.out.push_back(out);
  all.offsets.push_back(options.query_offset);
  all.masks.push_back(device_mask(options, k.dim(-3)));
}

}  // namespace

void attention_on_device(Context& context, const Tensor& q, const Tensor& k, const Tensor& v,
                         const AttentionOptions& options, const Tensor& out) {
  if (out.numel() == 0) return;
  AttentionCall all = make_call(q, options);
  add(all, q, k, v, out, options);
  switch (choose(context, all)) {
    case AttentionKernel::kSimple:
      return run_simple_widened(context, q, k, v, out, 1, options);
    case AttentionKernel::kSplit:
      return run_split(context, all);
    case AttentionKernel::kTensor:
      return attention_product(context, all);
  }
}

void attention_varlen_on_device(Context& context, std::span<const Tensor> q,
                                std::span<const Tensor> k, std::span<const Tensor> v,
                                std::span<const AttentionOptions> options,
                                std::span<const Tensor> results) {
  AttentionCall all;
  bool alike = true;
  for (size_t i = 0; i < q.size(); ++i) {
    if (results[i].numel() == 0) continue;
    const AttentionCall own = make_call(q[i], options[i]);
    if (all.q.empty()) all = own;
    alike = alike && own.scale == all.scale && own.causal == all.causal && own.path == all.path;
    add(all, q[i], k[i], v[i], results[i], options[i]);
  }
  if (all.q.empty()) return;
  const AttentionKernel kernel = alike ? choose(context, all) : AttentionKernel::kSimple;
  if (kernel == AttentionKernel::kSplit) return run_split(context, all);
  if (kernel == AttentionKernel::kTensor) return attention_product(context, all);
  for (size_t i = 0; i < q.size(); ++i) {
    if (results[i].numel() > 0)
      run_simple_widened(context, q[i], k[i], v[i], results[i], 0, options[i]);
  }
}

}  // namespace vmolmo::ops
