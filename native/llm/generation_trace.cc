#include "native/llm/generation_trace.h"

#include <algorithm>
#include <numeric>

#include "native/ops/elementwise.h"

namespace vmolmo {
namespace {

constexpr int64_t kRecordedAlternatives = 5;

}  // namespace

void GenerationTrace::add_prefill(const Tensor& hidden, const Tensor& logits) {
  if (!context_.recording()) return;
  context_.tap("llm.final_norm.last", hidden.reshape({hidden.dim(1)}));
  context_.tap("llm.logits.last", logits.reshape({logits.dim(1)}));
}

void GenerationTrace::add(const Tensor& logits, int32_t id) {
  if (!context_.recording()) return;
  logits_.push_back(logits.clone(context_.memory()));
  ids_.push_back(id);
}

void GenerationTrace::finish() {
  if (!context_.recording() || ids_.empty()) return;
  const Tensor all = ops::concat(context_, logits_, 0);
  const auto steps = static_cast<int64_t>(ids_.size());
  context_.tap("gen.ids", Tensor::from(ids_, {steps}));
  context_.tap("gen.logits", all);
  record_alternatives(context_.to_host(all));
}

void GenerationTrace::record_alternatives(const Tensor& logits) {
  const int64_t vocab = logits.dim(1);
  const int64_t kept = std::min(kRecordedAlternatives, vocab);
  std::vector<int32_t> ids;
  std::vector<float> values;
  std::vector<int32_t> order(static_cast<size_t>(vocab));
  for (int64_t step = 0; step < logits.dim(0); ++step) {
    const float* row = logits.data<float>() + step * vocab;
    std::iota(order.begin(), order.end(), 0);
    std::partial_sort(order.begin(), order.begin() + kept, order.end(), [&](int32_t a, int32_t b) {
      return row[a] != row[b] ? row[a] > row[b] : a < b;
    });
    for (int64_t i = 0; i < kept; ++i) {
      ids.push_back(order[i]);
      values.push_back(row[order[i]]);
    }
  }
  context_.tap("gen.top5_ids", Tensor::from(ids, {logits.dim(0), kept}));
  context_.tap("gen.top5_logits", Tensor::from(values, {logits.dim(0), kept}));
}

}  // namespace vmolmo
