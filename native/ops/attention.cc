#include "native/ops/attention.h"

#include "native/kernels/cpu/attention.h"
#include "native/ops/attention_device.h"
#include "native/ops/attention_mask.h"
#include "native/ops/checks.h"
#include "native/ops/on_cuda.h"

namespace vmolmo::ops {
namespace {

// q, k and v with the sequence, head and channel axes last; `extra` leading axes before them.
void check_inputs(Context& context, const Tensor& q, const Tensor& k, const Tensor& v,
                  const AttentionOptions& options, int extra, const char* op) {
  for (const Tensor* x : {&q, &k, &v}) {
    require_operand(context, *x, op);
    require(x->rank() == 3 + extra && (x->stride(-1) == 1 || x->dim(-1) == 1), Code::kInternal, op,
            ": expected [", extra ? "B, " : "", "N, H, D] with a dense last axis; got shape ",
            x->shape(), ".");
  }
  const bool same_batch = extra == 0 || (k.dim(0) == q.dim(0) && v.dim(0) == q.dim(0));
  require(same_batch && k.dim(-3) == v.dim(-3) && k.dim(-2) == v.dim(-2) &&
              k.dim(-1) == q.dim(-1) && q.dim(-1) > 0 && k.dim(-2) > 0 &&
              q.dim(-2) % k.dim(-2) == 0,
          Code::kInternal, op, ": q ", q.shape(), ", k ", k.shape(), " and v ", v.shape(),
          " do not match.");
  require(!options.causal || options.query_offset >= 0, Code::kInternal, op,
          ": the position of the first query is ", options.query_offset, ".");
  check_mask(q, k, options, op);
}

cpu::AttentionSequence make_sequence(const Tensor& q, const Tensor& k, const Tensor& v, float* out,
                                     const AttentionOptions& options, int64_t entry) {
  cpu::AttentionSequence s;
  s.q = q.data<float>();
  s.k = k.data<float>();
  s.v = v.data<float>();
  s.out = out;
  s.q_row = q.stride(-3);
  s.q_head = q.stride(-2);
  s.k_row = k.stride(-3);
  s.k_head = k.stride(-2);
  s.v_row = v.stride(-3);
  s.v_head = v.stride(-2);
  s.nq = q.dim(-3);
  s.nk = k.dim(-3);
  s.scale = options.scale_for(q.dim(-1));
  s.causal = options.causal;
  s.offset = options.query_offset;
  if (options.bias) {
    const BiasSteps steps = bias_steps(options.bias);
    s.bias = options.bias.data<float>() + entry * steps.batch;
    s.bias_head = steps.head;
    s.bias_row = steps.row;
  }
  if (options.visibility) s.classes = classes_from_query(options, s.nk).data<int32_t>();
  s.path = options.path == RowPath::kStream  ? cpu::AttentionSequence::Path::kDirect
           : options.path == RowPath::kBlock ? cpu::AttentionSequence::Path::kBlocks
                                             : cpu::AttentionSequence::Path::kAuto;
  return s;
}

cpu::AttentionHeads heads_of(const Tensor& q, const Tensor& k, const Tensor& v) {
  return {q.dim(-2), k.dim(-2), q.dim(-1), v.dim(-1)};
}

}  // namespace

Tensor attention(Context& context, const Tensor& q, const Tensor& k, const Tensor& v,
                 const AttentionOptions& options) {
  check_inputs(context, q, k, v, options, 1, "attention");
  const cpu::AttentionHeads heads = heads_of(q, k, v);
  const int64_t batch = q.dim(0);
  Tensor out =
      context.empty({batch, q.dim(1), heads.heads * heads.dv}, result_type(context, options.feeds));
  ON_CUDA(context) {
    attention_on_device(context, q, k, v, options, out);
    return out;
  }
  std::vector<cpu::AttentionSequence> sequences;
  sequences.reserve(static_cast<size_t>(batch));
  for (int64_t i = 0; i < batch; ++i) {
    float* target = out.data<float>() + i * q.dim(1) * heads.heads * heads.dv;
    sequences.push_back(make_sequence(q[i], k[i], v[i], target, options, i));
  }
  cpu::attention(cpu::kernels(), context.threads(), context.memory(), heads, sequences);
  return out;
}

std::vector<Tensor> attention_varlen(Context& context, std::span<const Tensor> q,
                                     std::span<const Tensor> k, std::span<const Tensor> v,
                                     std::span<const AttentionOptions> options) {
  require(q.size() == k.size() && q.size() == v.size() && q.size() == options.size(),
          Code::kInternal, "attention_varlen: got ", q.size(), " queries, ", k.size(), " keys, ",
          v.size(), " values and ", options.size(), " options.");
  std::vector<Tensor> results;
  std::vector<cpu::AttentionSequence> sequences;
  for (size_t i = 0; i < q.size(); ++i) {
    check_inputs(context, q[i], k[i], v[i], options[i], 0, "attention_varlen");
    for (int axis : {-1, -2}) {
      require(q[i].dim(axis) == q[0].dim(axis) && v[i].dim(axis) == v[0].dim(axis), Code::kInternal,
              "attention_varlen: sequences ", q[0].shape(), " and ", q[i].shape(),
              " differ in heads or head size.");
    }
    results.push_back(context.empty({q[i].dim(0), q[i].dim(1) * v[i].dim(2)},
                                    result_type(context, options[0].feeds)));
    if (context.on_cuda()) continue;
    sequences.push_back(
        make_sequence(q[i], k[i], v[i], results.back().data<float>(), options[i], 0));
  }
  ON_CUDA(context) {
    attention_varlen_on_device(context, q, k, v, options, results);
    return results;
  }
  if (!sequences.empty()) {
    cpu::attention(cpu::kernels(), context.threads(), context.memory(), heads_of(q[0], k[0], v[0]),
                   sequences);
  }
  return results;
}

}  // namespace vmolmo::ops
