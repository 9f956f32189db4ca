#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "native/llm/config.h"
#include "native/llm/kv_cache.h"
#include "native/ops/context.h"
#include "native/ops/feeds.h"
#include "native/ops/rope.h"
#include "native/ops/rows.h"
#include "native/ops/step_rows.h"
#include "native/tensor/weight.h"
#include "native/weights/weight_source.h"

namespace vmolmo {

// The matrices and vectors of one decoder block. Absent in one of the two forms: biases (OLMo),
// q_norm and k_norm (Qwen2).
struct DecoderBlockWeights {
  Tensor attention_norm;  // attn_norm: before attention (Qwen2) or after it (OLMo)
  Weight qkv;             // att_proj [(heads + 2 * kv_heads) * d, width]
  Weight q;               // its first rows, [heads * d, width]
  Weight kv;              // the others
  Tensor qkv_bias, q_bias, kv_bias;
  Tensor q_norm, k_norm;  // [heads * d] and [kv_heads * d], or [d] each (QkNorm)
  Weight attention_out;
  Tensor mlp_norm;  // ff_norm
  Weight mlp_in;    // ff_proj [2 * mlp_width, width]: up rows, then gate rows
  Weight mlp_out;   // ff_out
};

// Rows of one sequence inside a batch: they follow what the cache slot holds.
struct Segment {
  int64_t slot = 0;
  int64_t rows = 1;
  // How many of the last rows' final hidden states are wanted: none inside a prompt, one at its
  // end, all of a decoding step.
  int64_t outputs = 1;
  // The rows' visibility classes (ops::AttentionOptions), [rows]; empty: all are text. Rows of one
  // class see each other in both directions, so a class lies in one segment whole: forward()
  // refuses a class that the slot already holds rows of.
  std::span<const int32_t> visibility = {};
};

// Qwen2-, Qwen3- and OLMo-form decoder (docs/spec/videomolmo.md 9). Prefill and decoding are the
// same function: any mix of segments from different sequences goes through the linear layers as one
// matrix, only attention looks at each sequence alone. They differ in the kernels: `path` is kBlock
// for prompts, kStream for decoding steps. With either, a row's bits do not depend on the segments
// around it, nor on how a sequence is cut into segments.
class Decoder {
 public:
  Decoder(const DecoderConfig& config, WeightLoader& weights, const std::string& prefix);

  const DecoderConfig& config() const { return config_; }

  // Rows of wte.embedding followed by wte.new_embedding: [ids.size(), width]. Ids outside of both
  // throw INVALID_ARGUMENT.
  Tensor embed(Context& context, std::span<const int32_t> ids) const;
  void check_ids(std::span<const int32_t> ids) const;
  // The same for ids on the context's device that were checked, I32 [n].
  Tensor embed(Context& context, const Tensor& ids) const;

  // x [sum of rows, width] -> the final-normed output rows of every segment, in order ([0, width]
  // when there is none). Appends to the cache.
  Tensor forward(Context& context, Tensor x, KvCache& cache, std::span<const Segment> segments,
                 ops::RowPath path) const;

  // The same for the rows of a decoding step whose slots and positions lie on the device: x [m,
  // width] -> [m, width], the bits of kStream. The cache's lengths stay as they are: a captured
  // graph runs without the host.
  Tensor forward(Context& context, Tensor x, KvCache& cache, const ops::StepRows& rows) const;

  // hidden [n, width] -> [n, vocab_size].
  Tensor logits(Context& context, const Tensor& hidden) const;

 private:
  DecoderBlockWeights load_block(WeightLoader& weights, const std::string& prefix) const;
  struct Pass {
    KvCache& cache;
    std::span<const Segment> segments;
    ops::RowPath path;
    std::span<const Tensor> visibility;   // per segment, on the device; empty: text
    const ops::StepRows* rows = nullptr;  // instead of the segments
  };
  // The rows that later stages need, after attention and MLP; `last` keeps output rows only.
  Tensor run_block(Context& context, int64_t index, const Tensor& x, const Pass& pass,
                   bool last) const;
  // Prompts: keys and values of all rows, then queries of those rows that go on.
  void append_keys_values(Context& context, int64_t index, const Tensor& y, const Pass& pass) const;
  Tensor attend(Context& context, int64_t index, const Tensor& y, const Pass& pass,
                bool outputs_only) const;
  // Steps: both for all rows, x being not normed yet.
  Tensor attend_streamed(Context& context, int64_t index, const Tensor& x, const Pass& pass) const;
  // Of `count` heads of the rows flat [m, ...], from head `begin` on: [m, count, d].
  Tensor normed_heads(Context& context, const Tensor& flat, int64_t begin, int64_t count,
                      const Tensor& weight, ops::Feeds feeds = ops::Feeds::kSums) const;
  void append_segments(Context& context, int64_t index, const Tensor& k, const Tensor& v,
                       const Pass& pass) const;
  Tensor attend_segments(Context& context, int64_t index, const Tensor& q, const Pass& pass,
                         bool outputs_only) const;
  void record_cache(Context& context, int64_t index, const KvCache& cache,
                    const Segment& segment) const;

  DecoderConfig config_;
  Tensor embedding_;      // [vocab_size, width]
  Tensor new_embedding_;  // [extra_vocab_size, width]
  Tensor final_norm_;
  Weight head_;  // [vocab_size, width]
  std::vector<DecoderBlockWeights> blocks_;
  ops::RopeTable rope_;
};

}  // namespace vmolmo
