#include "native/molmo/connector.h"

#include <algorithm>
#include <vector>

#include "native/ops/elementwise.h"
#include "native/ops/gather.h"
#include "native/ops/linear.h"
#include "native/ops/window_attention.h"

namespace vmolmo {

Connector::Connector(const MolmoConfig& config, int64_t feature_width, WeightLoader& weights,
                     const std::string& prefix)
    : heads_(config.vit.heads) {
  const int64_t inner = config.vit.heads * config.vit.head_dim;
  const int64_t width = config.vit.width;
  const Weight::Format vision = weights.formats().vision;
  const Weight::Format language = weights.formats().language;
  const auto linear = [&](const std::string& name, int64_t out, int64_t in, Weight::Format format) {
    return weights.linear(name, {out, in}, format);
  };
  const std::string pooling = prefix + "image_pooling_2d.";
  wq_ = linear(pooling + "wq.weight", inner, feature_width, vision);
  wk_ = linear(pooling + "wk.weight", inner, feature_width, vision);
  wv_ = linear(pooling + "wv.weight", inner, feature_width, vision);
  wo_ = linear(pooling + "wo.weight", width, inner, vision);
  bq_ = weights.f32(pooling + "wq.bias", {inner});
  bk_ = weights.f32(pooling + "wk.bias", {inner});
  bv_ = weights.f32(pooling + "wv.bias", {inner});
  bo_ = weights.f32(pooling + "wo.bias", {width});
  const std::string projector = prefix + "image_projector.";
  w1_ = linear(projector + "w1.weight", config.decoder.mlp_width, width, language);
  w2_ = linear(projector + "w2.weight", config.decoder.width, config.decoder.mlp_width, language);
  w3_ = linear(projector + "w3.weight", config.decoder.mlp_width, width, language);
}

Tensor Connector::pool(Context& context, const Tensor& windows) const {
  const int64_t count = windows.dim(0);
  const Tensor query = ops::mean(context, windows, 1).reshape({count, 1, windows.dim(2)});
  context.tap("pool.query", query);
  const Tensor mixed = ops::window_attention(context, ops::linear(context, query, wq_, bq_),
                                             ops::linear(context, windows, wk_, bk_),
                                             ops::linear(context, windows, wv_, bv_), heads_);
  const Tensor pooled = ops::linear(context, mixed, wo_, bo_);
  context.tap("pool.out", pooled);
  return pooled.reshape({count, pooled.dim(2)});
}

Tensor Connector::project(Context& context, const Tensor& windows) const {
  const Tensor pooled = pool(context, windows);
  context.check_cancelled();
  const Tensor gate = ops::linear(context, pooled, w1_);
  const Tensor up = ops::linear(context, pooled, w3_);
  return ops::linear(context, ops::swiglu(context, up, gate), w2_);
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
