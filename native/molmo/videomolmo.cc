#include "native/molmo/videomolmo.h"

#include <algorithm>
#include <numeric>

#include "native/molmo/preprocess.h"
#include "native/ops/elementwise.h"
#include "native/ops/gather.h"
#include "native/ops/window_attention.h"

namespace vmolmo {
namespace {

constexpr const char* kVision = "model.vision_backbone.";

// Windows that go through temporal module, pooling and projector together; bounds the projector's
// hidden rows.
constexpr int64_t kWindowsPerBatch = 512;
// The KV cache grows in steps of this many positions.
constexpr int64_t kCacheStep = 128;

std::vector<int32_t> shifted(std::span<const int32_t> positions, int64_t by) {
  std::vector<int32_t> moved(positions.begin(), positions.end());
  for (int32_t& position : moved)
    if (position >= 0) position += static_cast<int32_t>(by);
  return moved;
}

Tensor as_tensor(std::span<const int32_t> values, Shape shape) {
  return Tensor::from(values, shape);
}

}  // namespace

TokenSequence build_sequence(const MolmoConfig& config, std::span<const int32_t> image_tokens,
                             std::span<const int32_t> prompt_ids) {
  const auto marker = std::find(prompt_ids.begin(), prompt_ids.end(), config.tokens.image);
  TokenSequence sequence;
  sequence.ids.push_back(config.bos);
  if (marker != prompt_ids.end()) {
    require(std::find(marker + 1, prompt_ids.end(), config.tokens.image) == prompt_ids.end(),
            Code::kInvalidArgument, "A prompt may contain the image token (id ",
            config.tokens.image, ") once; it contains several.");
    sequence.ids.insert(sequence.ids.end(), prompt_ids.begin(), marker);
  }
  sequence.image_begin = static_cast<int64_t>(sequence.ids.size());
  sequence.ids.insert(sequence.ids.end(), image_tokens.begin(), image_tokens.end());
  sequence.ids.insert(sequence.ids.end(),
                      marker == prompt_ids.end() ? prompt_ids.begin() : marker + 1,
                      prompt_ids.end());
  return sequence;
}

VideoMolmo::VideoMolmo(Context& context, const MolmoConfig& config, WeightLoader& weights)
    : config_(config),
      encoder_(make_vision_encoder(config.vit, config.vit_layers, weights,
                                   concat(kVision, "image_vit."))),
      connector_(config, encoder_->feature_width(), weights, kVision),
      decoder_(config.decoder, weights, "model.transformer.") {
  const std::string pad_embed = concat(kVision, "pad_embed");
  if (config.temporal_adapter) {
    temporal_.emplace(
        TemporalConfig{encoder_->feature_width(), config.vit.heads, config.vit.head_dim}, weights,
        concat(kVision, "adapter."));
    // The reference builds its class without a padding embedding, so one in the file is left
    // unread.
    if (weights.has(pad_embed)) weights.drop(pad_embed);
    StageTimer timer(context, "vit");
    black_features_ =
        encoder_->encode(context, make_black_crop(context, config), plan_.sizes.vision_rows);
  } else if (config.pad_embed) {
    padding_.emplace(encoder_->feature_width(), weights, pad_embed);
  }
}

EncodedFrame VideoMolmo::encode(Context& context, const ImageLayout& layout,
                                const ops::ImageView& image, int64_t frame_index) const {
  EncodedFrame frame;
  frame.frame_index = frame_index;
  Tensor crops;
  {
    StageTimer timer(context, "preprocess");
    crops = make_crops(context, config_, layout, image, context.recording());
  }
  context.check_cancelled();
  {
    StageTimer timer(context, "vit");
    frame.features = encoder_->encode(context, crops, plan_.sizes.vision_rows);
  }
  if (context.recording()) {
    const int64_t patches = config_.vit.grid() * config_.vit.grid();
    const auto rows = static_cast<int32_t>(layout.rows);
    const auto columns = static_cast<int32_t>(layout.columns);
    frame.crops = crops;
    context.tap("pre.crops", crops);
    context.tap("pre.tiling", as_tensor(std::array{rows, columns}, {2}));
    context.tap("pre.image_masks", Tensor::from(layout.masks, {layout.crops, patches}));
    context.tap("vit.features", frame.features);
  }
  return frame;
}

std::vector<EncodedFrame> VideoMolmo::encode(Context& context, const ImageLayout& layout,
                                             std::span<const ops::ImageView> images,
                                             std::span<const int64_t> frame_indices) const {
  std::vector<EncodedFrame> frames;
  if (context.recording() || images.size() == 1) {
    for (size_t i = 0; i < images.size(); ++i)
      frames.push_back(encode(context, layout, images[i], frame_indices[i]));
    return frames;
  }
  // A batch of the encoder at a time; the other frames' crops would only lie there.
  const int64_t tokens = config_.vit.grid() * config_.vit.grid() + 1;
  const auto at_once = static_cast<size_t>(
      std::max<int64_t>(1, plan_.sizes.vision_rows / (distinct_crops(layout) * tokens)));
  for (size_t begin = 0; begin < images.size(); begin += at_once) {
    const size_t count = std::min(at_once, images.size() - begin);
    for (EncodedFrame& frame : encode_together(context, layout, images.subspan(begin, count),
                                               frame_indices.subspan(begin, count)))
      frames.push_back(std::move(frame));
  }
  return frames;
}

std::vector<EncodedFrame> VideoMolmo::encode_together(
    Context& context, const ImageLayout& layout, std::span<const ops::ImageView> images,
    std::span<const int64_t> frame_indices) const {
  std::vector<Tensor> crops;
  {
    StageTimer timer(context, "preprocess");
    for (const ops::ImageView& image : images)
      crops.push_back(make_crops(context, config_, layout, image, false));
  }
  context.check_cancelled();
  StageTimer timer(context, "vit");
  const Tensor features =
      encoder_->encode(context, ops::concat(context, crops, 0), plan_.sizes.vision_rows);
  const int64_t count = crops[0].dim(0);
  std::vector<EncodedFrame> frames;
  for (size_t i = 0; i < images.size(); ++i) {
    const int64_t begin = static_cast<int64_t>(i) * count;
    // A copy: the ring drops frames one by one, and a view would hold all of the batch.
    frames.push_back({frame_indices[i],
                      features.slice(0, begin, begin + count).clone(context.memory()), Tensor()});
  }
  return frames;
}

Tensor VideoMolmo::expand_crops(Context& context, const Tensor& features, int64_t crops) const {
  if (features.dim(0) == crops) return features;
  return ops::concat(context, std::vector<Tensor>(static_cast<size_t>(crops), features), 0);
}

Tensor VideoMolmo::mean_of_previous(Context& context, const ImageLayout& layout, int64_t crops,
                                    std::span<const EncodedFrame* const> previous) const {
  const int64_t black_frames = config_.previous_frames - static_cast<int64_t>(previous.size());
  const Tensor black = expand_crops(context, black_features_, crops);
  std::vector<Tensor> real;
  for (const EncodedFrame* frame : previous)
    real.push_back(expand_crops(context, frame->features, crops));
  const Tensor mean = previous_mean(context, black, black_frames, real);
  if (context.recording()) {
    for (int64_t i = 0; i < config_.previous_frames; ++i) {
      const bool is_black = i < black_frames;
      context.tap(concat("prev.features.", i), is_black ? black : real[i - black_frames]);
      const Tensor made =
          is_black ? expand_crops(context, make_black_crop(context, config_), layout.crops)
                   : previous[i - black_frames]->crops;
      if (made) context.tap(concat("pre.prev_crops.", i), made);
    }
    context.tap("prev.mean", mean);
  }
  return mean;
}

Tensor VideoMolmo::windows(Context& context, const Tensor& features,
                           std::span<const int32_t> cells) const {
  const int64_t grid = config_.vit.grid();
  const int64_t width = features.dim(2);
  const Tensor all =
      ops::cut_windows(context, features.reshape({features.dim(0), grid, grid, width}));
  if (static_cast<int64_t>(cells.size()) == all.dim(0)) return all;
  return ops::gather_rows(context, all.reshape({all.dim(0), 4 * width}), cells)
      .reshape({static_cast<int64_t>(cells.size()), 4, width});
}

Tensor VideoMolmo::connect(Context& context, const Tensor& current, const Tensor& previous) const {
  const int64_t count = current.dim(0);
  const int64_t batch = context.recording() ? count : kWindowsPerBatch;
  std::vector<Tensor> rows;
  for (int64_t begin = 0; begin < count; begin += batch) {
    context.check_cancelled();
    const int64_t end = std::min(count, begin + batch);
    Tensor windows = current.slice(0, begin, end);
    if (temporal_) {
      StageTimer timer(context, "temporal");
      windows = temporal_->attend(context, windows, previous.slice(0, begin, end));
    }
    StageTimer timer(context, "connector");
    rows.push_back(connector_.project(context, windows));
  }
  return rows.size() == 1 ? rows[0] : ops::concat(context, rows, 0);
}

ImageRows VideoMolmo::image_rows(Context& context, const ImageLayout& layout,
                                 const EncodedFrame& current,
                                 std::span<const EncodedFrame* const> previous) const {
  // Crops that differ: one for single-tile frames, unless something tells the two copies apart.
  const auto is_single = [](const EncodedFrame* frame) { return frame->features.dim(0) == 1; };
  const bool single =
      is_single(&current) && !padding_ && std::all_of(previous.begin(), previous.end(), is_single);
  const int64_t crops = single ? 1 : layout.crops;
  const bool every_cell = single || context.recording();

  std::vector<int32_t> cells;  // of the distinct crops
  for (int64_t cell = 0; cell < crops * layout.cells; ++cell)
    if (every_cell || layout.cell_position[cell] >= 0) cells.push_back(static_cast<int32_t>(cell));
  ImageRows image;
  for (int64_t copy = 0; copy < (single ? layout.crops : 1); ++copy) {
    std::vector<int32_t>& positions = image.positions.emplace_back();
    for (int32_t cell : cells)
      positions.push_back(layout.cell_position[copy * layout.cells + cell]);
  }

  Tensor features = expand_crops(context, current.features, crops);
  if (padding_) features = padding_->add_to(context, features, layout.masks);
  const Tensor current_windows = windows(context, features, cells);
  context.tap("win.current", current_windows);
  Tensor previous_windows;
  if (temporal_) {
    StageTimer timer(context, "temporal");
    const Tensor mean = mean_of_previous(context, layout, crops, previous);
    previous_windows = windows(context, mean, cells);
    context.tap("win.prev", previous_windows);
  }
  image.rows = connect(context, current_windows, previous_windows);
  if (context.recording()) {
    context.tap("proj.out", image.rows.reshape({crops, layout.cells, image.rows.dim(1)}));
    context.tap("pre.image_input_idx",
                as_tensor(shifted(layout.cell_position, 1), {layout.crops, layout.cells}));
  }
  return image;
}

Tensor VideoMolmo::embed(Context& context, const TokenSequence& sequence,
                         const ImageRows& image) const {
  const auto rows = static_cast<int64_t>(sequence.ids.size());
  Tensor x = decoder_.embed(context, sequence.ids);
  if (context.recording()) {
    std::vector<int32_t> positions(sequence.ids.size());
    std::iota(positions.begin(), positions.end(), 0);
    context.tap("pre.input_ids", as_tensor(sequence.ids, {rows}));
    context.tap("pre.position_ids", as_tensor(positions, {rows}));
    context.tap("llm.embed_text", x);
  }
  for (const std::vector<int32_t>& positions : image.positions)
    ops::scatter_add_rows(context, x, image.rows, shifted(positions, sequence.image_begin));
  context.tap("llm.embed", x);
  return x;
}

// A cache for so many sequences of so many positions, or as many of them as were planned for.
void VideoMolmo::fit_cache(Context& context, int64_t sequences, int64_t positions) {
  const DecoderConfig& decoder = config_.decoder;
  const auto bytes = [&](int64_t slots, int64_t capacity) {
    return KvCache::bytes(decoder, slots, capacity);
  };
  const size_t planned = bytes(plan_.sizes.sequences, plan_.needs.positions);
  const auto fitting = [&](int64_t capacity) {
    const auto count = static_cast<int64_t>(planned / bytes(1, capacity));
    return std::clamp<int64_t>(count, 1, plan_.sizes.sequences);
  };
  const auto rounded = [&](int64_t count) {
    return std::min(decoder.max_positions, (count + kCacheStep - 1) / kCacheStep * kCacheStep);
  };
  sequences = std::min(sequences, fitting(rounded(positions)));
  if (cache_ && cache_->slots() >= sequences && cache_->capacity() >= positions) return;
  // What the cache was large enough for before should still fit, as long as there is room for it.
  int64_t capacity = rounded(std::max(positions, cache_ ? cache_->capacity() : 0));
  if (fitting(capacity) < sequences) capacity = rounded(positions);
  sequences = std::max(sequences, std::min(cache_ ? cache_->slots() : 0, fitting(capacity)));
  cache_.reset();
  cache_ = std::make_unique<KvCache>(context, decoder, sequences, capacity);
}

std::vector<GreedyResult> VideoMolmo::generate(Context& context, size_t count,
                                               int64_t longest_prompt, GreedyOptions options,
                                               const std::function<Prompt(size_t)>& make_prompt) {
  const int64_t positions = config_.decoder.max_positions;
  require(longest_prompt <= positions, Code::kInvalidArgument, "Image and text need ",
          longest_prompt, " positions; the model has ", positions, ".");
  // The last generated id is never fed, so it needs no position.
  options.max_new_tokens = std::min(options.max_new_tokens, positions - longest_prompt + 1);
  options.prefill_rows = plan_.sizes.prefill_rows;
  options.step_rows = plan_.sizes.step_rows;
  fit_cache(context, static_cast<int64_t>(count), longest_prompt + options.max_new_tokens - 1);
  // A model whose first logits are numbers has no weight that is none.
  options.check_logits = !answered_;
  std::vector<GreedyResult> results =
      decode_greedily(context, decoder_, *cache_, count, options, make_prompt);
  answered_ = true;
  return results;
}

}  // namespace vmolmo
