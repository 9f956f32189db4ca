// The decoder's attention: what goes into the cache and what comes out of it.

#include "native/llm/decoder.h"
#include "native/ops/attention.h"
#include "native/ops/elementwise.h"
#include "native/ops/linear.h"
#include "native/ops/norm.h"
#include "native/ops/normed_linear.h"

namespace vmolmo {

Tensor Decoder::normed_heads(Context& context, const Tensor& flat, int64_t begin, int64_t count,
                             const Tensor& weight, ops::Feeds feeds) const {
  const int64_t m = flat.dim(0), d = config_.head_dim;
  if (config_.qk_norm == QkNorm::kHead) {
    const Tensor heads = flat.reshape({m, flat.dim(1) / d, d}).slice(1, begin, begin + count);
    return ops::rms_norm(context, heads, weight, config_.norm_eps, feeds);
  }
  const Tensor columns = flat.slice(1, begin * d, (begin + count) * d);
  return ops::rms_norm(context, columns, weight, config_.norm_eps, feeds).reshape({m, count, d});
}

void Decoder::append_segments(Context& context, int64_t index, const Tensor& k, const Tensor& v,
                              const Pass& pass) const {
  int64_t row = 0;
  for (const Segment& segment : pass.segments) {
    Tensor rows = k.slice(0, row, row + segment.rows);
    pass.cache.append(context, index, segment.slot, rows, v.slice(0, row, row + segment.rows),
                      rope_);
    row += segment.rows;
  }
}

Tensor Decoder::attend_segments(Context& context, int64_t index, const Tensor& q, const Pass& pass,
                                bool outputs_only) const {
  const KvCache& cache = pass.cache;
  std::vector<Tensor> queries, keys, values;
  std::vector<ops::AttentionOptions> options;
  int64_t row = 0;
  for (size_t i = 0; i < pass.segments.size(); ++i) {
    const Segment& segment = pass.segments[i];
    const int64_t rows = outputs_only ? segment.outputs : segment.rows;
    if (rows == 0) continue;
    const int64_t begin = cache.length(segment.slot);
    const int64_t end = begin + segment.rows;
    Tensor part = q.slice(0, row, row + rows);
    ops::rope_rotate_half(context, part, rope_, end - rows);
    queries.push_back(part);
    keys.push_back(cache.keys(index, segment.slot, end));
    values.push_back(cache.values(index, segment.slot, end));
    ops::AttentionOptions option;
    option.causal = true;
    option.query_offset = end - rows;
    option.visibility = pass.visibility[i];
    option.path = pass.path;
    option.feeds = ops::feeds_products(pass.path);
    options.push_back(option);
    row += rows;
  }
  const std::vector<Tensor> mixed = ops::attention_varlen(context, queries, keys, values, options);
  return mixed.size() == 1 ? mixed[0] : ops::concat(context, mixed, 0);
}

void Decoder::append_keys_values(Context& context, int64_t index, const Tensor& y,
                                 const Pass& pass) const {
  const DecoderBlockWeights& block = blocks_[index];
  const int64_t kv_heads = config_.kv_heads;
  const int64_t d = config_.head_dim;
  Tensor kv = ops::linear(context, y, block.kv, block.kv_bias, Activation::kNone, pass.path);
  if (config_.clip_qkv) kv = ops::clamp(context, kv, -*config_.clip_qkv, *config_.clip_qkv);
  const Tensor by_head = kv.reshape({kv.dim(0), 2 * kv_heads, d});
  Tensor k = by_head.slice(1, 0, kv_heads);
  if (block.k_norm) k = normed_heads(context, kv, 0, kv_heads, block.k_norm);
  append_segments(context, index, k, by_head.slice(1, kv_heads, 2 * kv_heads), pass);
}

Tensor Decoder::attend(Context& context, int64_t index, const Tensor& y, const Pass& pass,
                       bool outputs_only) const {
  const DecoderBlockWeights& block = blocks_[index];
  const ops::Feeds feeds = ops::feeds_products(pass.path);
  const bool direct = !config_.clip_qkv && !block.q_norm;
  Tensor flat = ops::linear(context, y, block.q, block.q_bias, Activation::kNone, pass.path,
                            direct ? feeds : ops::Feeds::kSums);
  if (config_.clip_qkv) flat = ops::clamp(context, flat, -*config_.clip_qkv, *config_.clip_qkv);
  const Tensor q = block.q_norm ? normed_heads(context, flat, 0, config_.heads, block.q_norm, feeds)
                                : flat.reshape({y.dim(0), config_.heads, config_.head_dim});
  return attend_segments(context, index, q, pass, outputs_only);
}

// One product for queries, keys and values, with the norm before it.
Tensor Decoder::attend_streamed(Context& context, int64_t index, const Tensor& x,
                                const Pass& pass) const {
  const DecoderBlockWeights& block = blocks_[index];
  const int64_t m = x.dim(0), d = config_.head_dim, heads = config_.heads;
  const int64_t kv_heads = config_.kv_heads;
  Tensor all =
      config_.norm_after
          ? ops::linear(context, x, block.qkv, block.qkv_bias, Activation::kNone, pass.path)
          : ops::normed_linear(context, x, {block.attention_norm, config_.norm_eps}, block.qkv,
                               block.qkv_bias, pass.path);
  if (config_.clip_qkv) all = ops::clamp(context, all, -*config_.clip_qkv, *config_.clip_qkv);
  const Tensor by_head = all.reshape({m, heads + 2 * kv_heads, d});
  Tensor q = by_head.slice(1, 0, heads), k = by_head.slice(1, heads, heads + kv_heads);
  const Tensor v = by_head.slice(1, heads + kv_heads, heads + 2 * kv_heads);
  if (block.q_norm) {
    q = normed_heads(context, all, 0, heads, block.q_norm);
    k = normed_heads(context, all, heads, kv_heads, block.k_norm);
  }
  if (!pass.rows) {
    append_segments(context, index, k, v, pass);
    return attend_segments(context, index, q, pass, false);
  }
  const Tensor &keys = pass.cache.keys(index), &values = pass.cache.values(index);
  ops::rope_append(context, q, k, v, rope_, *pass.rows, keys, values);
  return ops::attention(context, q, keys, values, *pass.rows);
}

}  // namespace vmolmo
