#include "native/temporal/temporal_module.h"

#include "native/ops/elementwise.h"

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
    : attention_(load_attention(weights, prefix, {"wq.", "wk.", "wv.", "wo."},
                                {config.heads, config.feature_width, config.heads * config.head_dim,
                                 config.feature_width},
                                {.bias = false})) {}

Tensor TemporalModule::attend(Context& context, const Tensor& current,
                              const Tensor& previous) const {
  const Tensor mixed = attention_.mix_windows(context, current, previous);
  if (!context.recording()) return attention_.out.add_to(context, current, mixed);
  const Tensor out = attention_.out(context, mixed);
  context.tap("adapter.out", out);
  const Tensor sum = ops::add(context, current, out);
  context.tap("adapter.sum", sum);
  return sum;
}

}  // namespace vmolmo
