#include "native/ops/attention.h"

#include "native/kernels/cpu/reference.h"
#include "native/ops/checks.h"

namespace vmolmo::ops {
namespace {

void check_inputs(const Tensor& q, const Tensor& k, const Tensor& v) {
  for (const Tensor* x : {&q, &k, &v}) {
    require_f32(*x, "attention");
    require(x->rank() == 4 && x->stride(-1) == 1, Code::kInternal,
            "attention: expected [B, N, H, D] with a dense last axis; got shape ", x->shape(), ".");
  }
  require(k.dim(0) == q.dim(0) && v.dim(0) == q.dim(0) && k.dim(1) == v.dim(1) &&
              k.dim(2) == v.dim(2) && k.dim(3) == q.dim(3) && k.dim(2) > 0 &&
              q.dim(2) % k.dim(2) == 0,
          Code::kInternal, "attention: q ", q.shape(), ", k ", k.shape(), " and v ", v.shape(),
          " do not match.");
}

}  // namespace

Tensor attention(Context& context, const Tensor& q, const Tensor& k, const Tensor& v,
                 const AttentionOptions& options) {
  check_inputs(q, k, v);
  const int64_t batch = q.dim(0), nq = q.dim(1), heads = q.dim(2), d = q.dim(3);
  const int64_t nk = k.dim(1), group = heads / k.dim(2), dv = v.dim(3);
  const float scale = options.scale != 0.0f ? options.scale : 1.0f / std::sqrt(float(d));
  const Tensor qs = q.transpose(1, 2).clone(context.memory());
  const Tensor ks = k.transpose(1, 2).clone(context.memory());
  const Tensor vs = v.transpose(1, 2).clone(context.memory());
  Tensor out = context.empty({batch, heads, nq, dv});
  context.threads().parallel_for(batch * heads * nq, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t unit = i / nq;
      const int64_t kv = (unit / heads) * k.dim(2) + unit % heads / group;
      reference::attention(qs.data<float>() + i * d, ks.data<float>() + kv * nk * d,
                           vs.data<float>() + kv * nk * dv, out.data<float>() + i * dv, 1, nk, d,
                           dv, scale, options.causal, options.query_offset + i % nq);
    }
  });
  return out.transpose(1, 2).clone(context.memory()).reshape({batch, nq, heads * dv});
}

std::vector<Tensor> attention_varlen(Context& context, std::span<const Tensor> q,
                                     std::span<const Tensor> k, std::span<const Tensor> v,
                                     std::span<const AttentionOptions> options) {
  require(q.size() == k.size() && q.size() == v.size() && q.size() == options.size(),
          Code::kInternal, "attention_varlen: got ", q.size(), " queries, ", k.size(), " keys, ",
          v.size(), " values and ", options.size(), " options.");
  std::vector<Tensor> results;
  for (size_t i = 0; i < q.size(); ++i) {
    Tensor parts[3] = {q[i], k[i], v[i]};
    for (Tensor& part : parts) {
      require_rank(part, 3, "attention_varlen");
      if (!part.is_contiguous()) part = part.clone(context.memory());
      part = part.reshape({1, part.dim(0), part.dim(1), part.dim(2)});
    }
    const Tensor out = attention(context, parts[0], parts[1], parts[2], options[i]);
    results.push_back(out.reshape({out.dim(1), out.dim(2)}));
  }
  return results;
}

}  // namespace vmolmo::ops
