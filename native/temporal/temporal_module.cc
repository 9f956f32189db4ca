#include "native/temporal/temporal_module.h"

#include "native/ops/elementwise.h"
#include "native/ops/linear.h"
#include "native/ops/window_attention.h"

namespace vmolmo {

Tensor previous_mean(Context& context, const Tensor& black, int64_t black_frames,
                     std::span<const Tensor> real) {
  if (real.empty()) return black;
  const bool any_black = black_frames > 0;
  if (!any_black && real.size() == 1) return real[0];
  Tensor mean = (any_black ? black : real[0]).clone(context.memory());
  int64_t visited = any_black ? black_frames : 1;
  for (const Tensor& features : real.subspan(any_black ? 0 : 1))
    ops::lerp_inplace(context, mean, features, 1.0f / static_cast<float>(++visited));
  return mean;
}

TemporalModule::TemporalModule(const TemporalConfig& config, WeightLoader& weights,
                               const std::string& prefix)
    : heads_(config.heads) {
  const int64_t inner = config.heads * config.head_dim;
  const auto linear = [&](const char* name, int64_t out, int64_t in) {
    return weights.linear(prefix + name, {out, in}, weights.formats().vision);
  };
  wq_ = linear("wq.weight", inner, config.feature_width);
  wk_ = linear("wk.weight", inner, config.feature_width);
  wv_ = linear("wv.weight", inner, config.feature_width);
  wo_ = linear("wo.weight", config.feature_width, inner);
}

Tensor TemporalModule::attend(Context& context, const Tensor& current,
                              const Tensor& previous) const {
  const Tensor mixed = ops::window_attention(context, ops::linear(context, current, wq_),
                                             ops::linear(context, previous, wk_),
                                             ops::linear(context, previous, wv_), heads_);
  if (!context.recording()) return ops::linear_add(context, mixed, wo_, {}, current);
  const Tensor out = ops::linear(context, mixed, wo_);
  context.tap("adapter.out", out);
  const Tensor sum = ops::add(context, current, out);
  context.tap("adapter.sum", sum);
  return sum;
}

}  // namespace vmolmo
