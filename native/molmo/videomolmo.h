#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "native/llm/decoder.h"
#include "native/llm/greedy.h"
#include "native/llm/kv_cache.h"
#include "native/molmo/connector.h"
#include "native/molmo/image_layout.h"
#include "native/molmo/memory_plan.h"
#include "native/ops/context.h"
#include "native/ops/resize.h"
#include "native/temporal/feature_ring.h"
#include "native/temporal/temporal_module.h"
#include "native/vit/vision_encoder.h"
#include "native/weights/weight_source.h"

namespace vmolmo {

// A frame's image as rows for the language model: rows[i] is added to the embeddings at
// positions[k][i] of the image tokens, for every k (a single-tile frame's rows are used twice).
// Negative positions are not inserted.
struct ImageRows {
  Tensor rows;  // [count, decoder width]
  std::vector<std::vector<int32_t>> positions;
};

// BOS, image tokens and text as one sequence (docs/spec/videomolmo.md 4.3).
struct TokenSequence {
  std::vector<int32_t> ids;
  int64_t image_begin = 1;  // where the image tokens start
};
TokenSequence build_sequence(const MolmoConfig& config, std::span<const int32_t> image_tokens,
                             std::span<const int32_t> prompt_ids);

// VideoMolmo and Molmo put together from their parts: encoder, temporal module, connector, decoder.
// Stateless apart from the KV cache, which is kept from call to call while it is large enough.
class VideoMolmo {
 public:
  VideoMolmo(Context& context, const MolmoConfig& config, WeightLoader& weights);

  const MolmoConfig& config() const { return config_; }
  // How much goes side by side; what comes out does not depend on it.
  void set_plan(const PointerPlan& plan) { plan_ = plan; }

  EncodedFrame encode(Context& context, const ImageLayout& layout, const ops::ImageView& image,
                      int64_t frame_index) const;
  // Several frames as one batch of crops; the features are those of encode(), bit for bit.
  std::vector<EncodedFrame> encode(Context& context, const ImageLayout& layout,
                                   std::span<const ops::ImageView> images,
                                   std::span<const int64_t> frame_indices) const;

  // `previous`: the real previous frames, nearest first; the missing ones up to
  // config().previous_frames are black.
  ImageRows image_rows(Context& context, const ImageLayout& layout, const EncodedFrame& current,
                       std::span<const EncodedFrame* const> previous) const;

  // Embeddings of the sequence with the image added to its tokens: [S, width].
  Tensor embed(Context& context, const TokenSequence& sequence, const ImageRows& image) const;

  // Greedy answers; as many side by side as the plan has sequences, fewer when these are longer
  // than it expects. `longest_prompt`: rows of the longest prompt. Throws INVALID_ARGUMENT when a
  // prompt leaves no position for an answer; an answer that would run past the last position stops
  // there (kLength).
  std::vector<GreedyResult> generate(Context& context, size_t count, int64_t longest_prompt,
                                     GreedyOptions options,
                                     const std::function<Prompt(size_t)>& make_prompt);

 private:
  std::vector<EncodedFrame> encode_together(Context& context, const ImageLayout& layout,
                                            std::span<const ops::ImageView> images,
                                            std::span<const int64_t> frame_indices) const;
  void fit_cache(Context& context, int64_t sequences, int64_t positions);
  Tensor expand_crops(Context& context, const Tensor& features, int64_t crops) const;
  Tensor mean_of_previous(Context& context, const ImageLayout& layout, int64_t crops,
                          std::span<const EncodedFrame* const> previous) const;
  Tensor windows(Context& context, const Tensor& features, std::span<const int32_t> cells) const;
  Tensor connect(Context& context, const Tensor& current, const Tensor& previous) const;

  MolmoConfig config_;
  PointerPlan plan_;
  std::unique_ptr<VisionEncoder> encoder_;
  std::optional<TemporalModule> temporal_;
  std::optional<PaddingEmbedding> padding_;
  Connector connector_;
  Decoder decoder_;
  // Features of the one crop that all black frames consist of: [1, n * n, C]. Every absent previous
  // frame uses them, at any resolution.
  Tensor black_features_;
  std::unique_ptr<KvCache> cache_;
  bool answered_ = false;
};

}  // namespace vmolmo
