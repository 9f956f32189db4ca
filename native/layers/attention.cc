#include "native/layers/attention.h"

#include "native/ops/window_attention.h"

namespace vmolmo {

Tensor Attention::mix(Context& context, const Tensor& q, const Tensor& k, const Tensor& v,
                      const ops::AttentionOptions& options) const {
  const auto by_head = [&](const Linear& projection, const Tensor& x) {
    const Tensor y = projection(context, x, Activation::kNone, options.feeds);
    return y.reshape({y.dim(0), y.dim(1), heads, y.dim(2) / heads});
  };
  return ops::attention(context, by_head(query, q), by_head(key, k), by_head(value, v), options);
}

Tensor Attention::mix_windows(Context& context, const Tensor& q, const Tensor& tokens) const {
  return ops::window_attention(context, query(context, q), key(context, tokens),
                               value(context, tokens), heads);
}

Attention load_attention(WeightLoader& loader, const std::string& prefix,
                         const AttentionNames& names, const AttentionWidths& widths,
                         const LinearOptions& options) {
  const auto load = [&](const char* name, int64_t in, int64_t out) {
    return load_linear(loader, prefix + name, in, out, options);
  };
  return {load(names.query, widths.in, widths.inner), load(names.key, widths.in, widths.inner),
          load(names.value, widths.in, widths.inner), load(names.out, widths.inner, widths.out),
          widths.heads};
}

}  // namespace vmolmo
