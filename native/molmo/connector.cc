#include "native/molmo/connector.h"

#include <algorithm>
#include <vector>

#include "native/ops/activation.h"
#include "native/ops/elementwise.h"
#include "native/ops/gather.h"

namespace vmolmo {

Connector::Connector(const MolmoConfig& config, int64_t feature_width, WeightLoader& weights,
                     const std::string& prefix) {
  const VitConfig& vit = config.vit;
  const DecoderConfig& decoder = config.decoder;
  pooling_ = load_attention(weights, prefix + "image_pooling_2d.", {"wq.", "wk.", "wv.", "wo."},
                            {vit.heads, feature_width, vit.heads * vit.head_dim, vit.width});
  const LinearOptions plain{.bias = false};
  const std::string projector = prefix + "image_projector.";
  gate_ = load_linear(weights, projector + "w1.", vit.width, decoder.mlp_width, plain);
  out_ = load_linear(weights, projector + "w2.", decoder.mlp_width, decoder.width, plain);
  up_ = load_linear(weights, projector + "w3.", vit.width, decoder.mlp_width, plain);
}

Tensor Connector::pool(Context& context, const Tensor& windows) const {
  const int64_t count = windows.dim(0);
  const Tensor query = ops::mean(context, windows, 1).reshape({count, 1, windows.dim(2)});
  context.tap("pool.query", query);
  const Tensor pooled = pooling_.out(context, pooling_.mix_windows(context, query, windows));
  context.tap("pool.out", pooled);
  return pooled.reshape({count, pooled.dim(2)});
}

Tensor Connector::project(Context& context, const Tensor& windows) const {
  const Tensor pooled = pool(context, windows);
  context.check_cancelled();
  const Tensor gate = gate_(context, pooled);
  return out_(context, ops::swiglu(context, up_(context, pooled), gate));
}

PaddingEmbedding::PaddingEmbedding(int64_t feature_width, WeightLoader& weights,
                                   const std::string& name) {
  const Tensor stored = weights.host_f32(name, {2, feature_width});
  Tensor table = Tensor::zeros(cpu_heap(), {3, feature_width});
  std::copy_n(stored.data<float>(), 2 * feature_width, table.data<float>());
  table_ = weights.place(table);
}

Tensor PaddingEmbedding::add_to(Context& context, const Tensor& features,
                                std::span<const float> masks) const {
  std::vector<int32_t> rows(masks.size());
  // -1 (the row that no high-res crop fills) counts as partly padded, as in the reference.
  for (size_t i = 0; i < masks.size(); ++i)
    rows[i] = masks[i] == 0.0f ? 0 : masks[i] < 1.0f ? 1 : 2;
  const Tensor padding = ops::gather_rows(context, table_, rows).reshape(features.shape());
  return ops::add(context, features, padding);
}

}  // namespace vmolmo
