#include "native/llm/decoder.h"

#include <algorithm>

#include "native/ops/copy.h"
#include "native/ops/elementwise.h"
#include "native/ops/linear.h"
#include "native/ops/norm.h"
#include "native/ops/normed_linear.h"
#include "native/ops/tokens.h"

namespace vmolmo {
namespace {

int64_t total_rows(std::span<const Segment> segments) {
  int64_t rows = 0;
  for (const Segment& segment : segments) rows += segment.rows;
  return rows;
}

// The output rows of every segment. x itself when that is every row.
Tensor output_rows(Context& context, const Tensor& x, std::span<const Segment> segments) {
  std::vector<Tensor> rows;
  int64_t end = 0, count = 0;
  for (const Segment& segment : segments) {
    end += segment.rows;
    if (segment.outputs > 0) rows.push_back(x.slice(0, end - segment.outputs, end));
    count += segment.outputs;
  }
  if (rows.empty()) return x.slice(0, 0, 0);
  if (count == x.dim(0)) return x;
  return ops::concat(context, rows, 0);
}

// The segments' classes on the context's device, empty for those of text.
std::vector<Tensor> place_visibility(Context& context, const KvCache& cache,
                                     std::span<const Segment> segments) {
  std::vector<Tensor> placed;
  for (const Segment& segment : segments) {
    const std::span<const int32_t> classes = segment.visibility;
    placed.emplace_back();
    if (classes.empty()) continue;
    require(static_cast<int64_t>(classes.size()) == segment.rows, Code::kInternal,
            "Decoder: ", classes.size(), " visibility classes for a segment of ", segment.rows,
            " rows.");
    cache.check_visibility(segment.slot, classes);
    placed.back() = context.to_device(Tensor::borrow(classes.data(), {segment.rows}, DType::kI32));
  }
  return placed;
}

}  // namespace

Decoder::Decoder(const DecoderConfig& config, WeightLoader& weights, const std::string& prefix)
    : config_(config) {
  embedding_ = weights.matrix(prefix + "wte.embedding", {config.vocab_size, config.width});
  if (config.extra_vocab_size > 0) {
    new_embedding_ =
        weights.matrix(prefix + "wte.new_embedding", {config.extra_vocab_size, config.width});
  }
  final_norm_ = weights.f32(prefix + "ln_f.weight", {config.width});
  for (int64_t i = 0; i < config.blocks; ++i)
    blocks_.push_back(load_block(weights, concat(prefix, "blocks.", i, ".")));
  head_ = config.tied ? Weight(embedding_)
                      : weights.linear(prefix + "ff_out.weight", {config.vocab_size, config.width});
  const ops::RopeTable rope =
      ops::make_rope_table(0, config.max_positions, config.head_dim, config.rope_theta);
  rope_ = {weights.place(rope.cos), weights.place(rope.sin)};
}

DecoderBlockWeights Decoder::load_block(WeightLoader& weights, const std::string& prefix) const {
  const int64_t width = config_.width;
  const int64_t q_rows = config_.heads * config_.head_dim;
  const int64_t rows = q_rows + 2 * config_.kv_heads * config_.head_dim;
  DecoderBlockWeights block;
  block.attention_norm = weights.f32(prefix + "attn_norm.weight", {width});
  block.mlp_norm = weights.f32(prefix + "ff_norm.weight", {width});
  const auto linear = [&](const char* name, int64_t out, int64_t in) {
    return weights.linear(prefix + name, {out, in});
  };
  block.qkv = linear("att_proj.weight", rows, width);
  block.q = block.qkv.rows(0, q_rows);
  block.kv = block.qkv.rows(q_rows, rows);
  if (config_.qkv_bias) {
    block.qkv_bias = weights.f32(prefix + "att_proj.bias", {rows});
    block.q_bias = block.qkv_bias.slice(0, 0, q_rows);
    block.kv_bias = block.qkv_bias.slice(0, q_rows, rows);
  }
  if (config_.qk_norm != QkNorm::kNone) {
    const bool by_head = config_.qk_norm == QkNorm::kHead;
    block.q_norm = weights.f32(prefix + "q_norm.weight", {by_head ? config_.head_dim : q_rows});
    block.k_norm =
        weights.f32(prefix + "k_norm.weight", {by_head ? config_.head_dim : (rows - q_rows) / 2});
  }
  block.attention_out = linear("attn_out.weight", width, q_rows);
  block.mlp_in = linear("ff_proj.weight", 2 * config_.mlp_width, width);
  block.mlp_out = linear("ff_out.weight", width, config_.mlp_width);
  return block;
}

void Decoder::check_ids(std::span<const int32_t> ids) const {
  const auto rows = static_cast<int32_t>(config_.vocab_size + config_.extra_vocab_size);
  for (size_t i = 0; i < ids.size(); ++i) {
    require(ids[i] >= 0 && ids[i] < rows, Code::kInvalidArgument, "Token id ", ids[i],
            " at position ", i, " lies outside the embedding table of ", rows, " rows.");
  }
}

Tensor Decoder::embed(Context& context, std::span<const int32_t> ids) const {
  check_ids(ids);
  const Shape shape{static_cast<int64_t>(ids.size())};
  return embed(context, context.to_device(Tensor::borrow(ids.data(), shape, DType::kI32)));
}

Tensor Decoder::embed(Context& context, const Tensor& ids) const {
  return ops::embed_tokens(context, embedding_, new_embedding_, ids);
}

Tensor Decoder::run_block(Context& context, int64_t index, const Tensor& input, const Pass& pass,
                          bool last) const {
  const DecoderBlockWeights& block = blocks_[index];
  const float eps = config_.norm_eps;
  const bool streamed = pass.path == ops::RowPath::kStream;
  constexpr ops::Feeds kFeeds = ops::Feeds::kProducts;
  Tensor x = input, mixed;
  if (streamed) {
    mixed = attend_streamed(context, index, x, pass);
    if (last) mixed = output_rows(context, mixed, pass.segments);
  } else {
    Tensor y =
        config_.norm_after ? x : ops::rms_norm(context, x, block.attention_norm, eps, kFeeds);
    append_keys_values(context, index, y, pass);
    if (last) y = output_rows(context, y, pass.segments);
    if (y.dim(0) > 0) mixed = attend(context, index, y, pass, last);
  }
  // Behind the last block only the rows that produce logits are of any use.
  if (last) x = output_rows(context, x, pass.segments);
  if (x.dim(0) == 0) return x;
  const auto linear = [&](const Tensor& rows, const Weight& weight) {
    return ops::linear(context, rows, weight, {}, Activation::kNone, pass.path);
  };
  if (config_.norm_after) {
    Tensor out = linear(mixed, block.attention_out);
    x = ops::add(context, x, ops::rms_norm(context, out, block.attention_norm, eps));
    out = linear(ops::linear_swiglu(context, x, block.mlp_in, pass.path), block.mlp_out);
    return ops::add(context, x, ops::rms_norm(context, out, block.mlp_norm, eps));
  }
  x = ops::linear_add(context, mixed, block.attention_out, {}, x, pass.path);
  const Tensor gated =
      streamed ? ops::normed_swiglu(context, x, {block.mlp_norm, eps}, block.mlp_in, pass.path)
               : ops::linear_swiglu(context, ops::rms_norm(context, x, block.mlp_norm, eps, kFeeds),
                                    block.mlp_in, pass.path, kFeeds);
  return ops::linear_add(context, gated, block.mlp_out, {}, x, pass.path);
}

void Decoder::record_cache(Context& context, int64_t index, const KvCache& cache,
                           const Segment& segment) const {
  const int64_t end = cache.length(segment.slot) + segment.rows;
  const auto by_head = [&](const Tensor& rows) {
    return ops::widened(context, ops::dense_copy(context, rows.transpose(0, 1)));
  };
  context.tap(concat("llm.kv.", index, ".k"), by_head(cache.keys(index, segment.slot, end)));
  context.tap(concat("llm.kv.", index, ".v"), by_head(cache.values(index, segment.slot, end)));
}

Tensor Decoder::forward(Context& context, Tensor x, KvCache& cache,
                        std::span<const Segment> segments, ops::RowPath path) const {
  require(x.dim(0) == total_rows(segments), Code::kInternal, "Decoder: ", x.dim(0),
          " rows for segments of ", total_rows(segments), ".");
  // A recorder sees the whole prompt (one segment from position 0) after every block.
  const bool recorded = context.recording() && segments.size() == 1 && segments[0].rows > 1 &&
                        cache.length(segments[0].slot) == 0;
  const std::vector<Tensor> visibility = place_visibility(context, cache, segments);
  const Pass pass{cache, segments, path, visibility};
  for (int64_t i = 0; i < config_.blocks; ++i) {
    context.check_cancelled();
    x = run_block(context, i, x, pass, i + 1 == config_.blocks && !recorded);
    if (!recorded) continue;
    record_cache(context, i, cache, segments[0]);
    context.tap(concat("llm.hidden.", i), x);
  }
  if (recorded) x = output_rows(context, x, segments);
  for (const Segment& segment : segments)
    cache.advance(segment.slot, segment.rows, segment.visibility);
  if (x.dim(0) == 0) return x;
  return ops::rms_norm(context, x, final_norm_, config_.norm_eps);
}

Tensor Decoder::forward(Context& context, Tensor x, KvCache& cache,
                        const ops::StepRows& rows) const {
  for (int64_t i = 0; i < config_.blocks; ++i)
    x = run_block(context, i, x, {cache, {}, ops::RowPath::kStream, {}, &rows}, false);
  return ops::rms_norm(context, x, final_norm_, config_.norm_eps);
}

Tensor Decoder::logits(Context& context, const Tensor& hidden) const {
  return ops::linear(context, hidden, head_, {}, Activation::kNone, ops::RowPath::kStream);
}

}  // namespace vmolmo
