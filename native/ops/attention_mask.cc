#include "native/ops/attention_mask.h"

namespace vmolmo::ops {
namespace {

void check_visibility(const Tensor& q, const Tensor& k, const AttentionOptions& options,
                      const char* op) {
  const Tensor& classes = options.visibility;
  require(classes.dtype() == DType::kI32 && classes.rank() == 1 && classes.is_contiguous(),
          Code::kInternal, op, ": visibility is I32 [n]; got ", classes.dtype(), " ",
          classes.shape(), ".");
  require(options.causal, Code::kInternal, op,
          ": visibility classes without causality hide nothing.");
  const int64_t keys = k.dim(-3), first = keys - classes.dim(0);
  require(first >= 0 && options.query_offset >= first && options.query_offset + q.dim(-3) <= keys,
          Code::kInternal, op, ": ", classes.dim(0), " visibility classes for the last of ", keys,
          " keys do not cover ", q.dim(-3), " queries from position ", options.query_offset,
          " on.");
}

void check_bias(const Tensor& q, const Tensor& k, const Tensor& bias, const char* op) {
  require(bias.dtype() == DType::kF32, Code::kInternal, op, ": a bias is F32; got ", bias.dtype(),
          " ", bias.shape(), ".");
  const bool own = bias.rank() == 4;
  require((bias.rank() == 3 || (own && q.rank() == 4 && bias.dim(0) == q.dim(0))) &&
              (bias.dim(-3) == 1 || bias.dim(-3) == q.dim(-2)) && bias.dim(-2) == q.dim(-3) &&
              bias.dim(-1) == k.dim(-3) && (bias.stride(-1) == 1 || bias.dim(-1) == 1),
          Code::kInternal, op, ": a bias of shape ", bias.shape(),
          " does not fit the scores of queries ", q.shape(), " and keys ", k.shape(),
          "; expected [H or 1, Nq, Nk], or one for every entry of the batch, keys dense.");
}

}  // namespace

void check_mask(const Tensor& q, const Tensor& k, const AttentionOptions& options, const char* op) {
  if (options.visibility) check_visibility(q, k, options, op);
  if (options.bias) check_bias(q, k, options.bias, op);
}

Tensor classes_from_query(const AttentionOptions& options, int64_t keys) {
  const Tensor& classes = options.visibility;
  if (!classes) return {};
  const int64_t count = classes.dim(0);
  return classes.slice(0, options.query_offset - (keys - count), count);
}

BiasSteps bias_steps(const Tensor& bias) {
  BiasSteps steps;
  if (!bias) return steps;
  if (bias.rank() == 4) steps.batch = bias.stride(0);
  if (bias.dim(-3) > 1) steps.head = bias.stride(-3);
  steps.row = bias.stride(-2);
  return steps;
}

}  // namespace vmolmo::ops
