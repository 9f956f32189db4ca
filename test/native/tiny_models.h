#pragma once

#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "native/molmo/pointer.h"
#include "native/sam2/family.h"
#include "native/sam2/segmenter.h"
#include "test/native/decoder.h"
#include "test/native/harness.h"

// Small models of generated weights, and work for them that goes on and on.
namespace vmolmo::test {

struct TinyPointer : LoadOptions {
  MolmoConfig config;
};

inline std::unique_ptr<Pointer> load(const TinyPointer& options) {
  return std::make_unique<MolmoPointer>(options.config, hash_weights(), options);
}

inline TinyPointer tiny_pointer(Device device, bool olmo) {
  TinyPointer options;
  options.device = device;
  options.threads = 1;
  MolmoConfig& config = options.config;
  config.vit = {28, 14, 16, 2, 8, 24, 3, 1e-5f};
  config.vit_layers = {-1, -3};
  config.decoder = tiny_decoder(olmo);
  config.pad_embed = olmo;
  config.temporal_adapter = !olmo;
  config.preprocess.margin_before = config.preprocess.margin_after = 0;
  config.preprocess.max_crops = 2;
  config.tokens = {70, 71, 72, 73, 74};
  config.bos = 69;
  config.eos = -1;
  return options;
}

struct TinySegmenter : LoadOptions {
  Sam2Config config;
};

inline std::unique_ptr<Segmenter> load(const TinySegmenter& options,
                                       std::shared_ptr<WeightSource> weights = hash_weights()) {
  return std::make_unique<sam2::Sam2Segmenter>(options.config, std::move(weights), options);
}

// What the public interface hides.
inline sam2::Sam2Segmenter& internals(Segmenter& segmenter) {
  return dynamic_cast<sam2::Sam2Segmenter&>(segmenter);
}

// Of a multiple of 32 pixels.
inline TinySegmenter tiny_segmenter(Device device, int64_t image_size = 64, int64_t hidden = 32) {
  TinySegmenter options;
  options.device = device;
  options.threads = 1;
  Sam2Config& config = options.config;
  config.image_size = image_size;
  config.trunk.width = 8;
  config.trunk.blocks_per_stage = {1, 2, 3, 2};
  config.trunk.widths = {8, 16, 32, 64};
  config.trunk.window_per_stage = {8, 4, 6, 3};
  config.trunk.global_blocks = {4};
  config.hidden_size = hidden;
  config.decoder.heads = 4;
  config.decoder.mlp_width = hidden + hidden / 2;
  config.decoder.iou_head_hidden = hidden;
  config.memory_attention.layers = 2;
  config.memory_attention.mlp_width = hidden + hidden / 2;
  config.memory_encoder.channels = 16;
  config.memory_encoder.fuser_width = 2 * hidden;
  return options;
}

// Generated weights whose object score is shifted: with -10 they say "absent", with 10 "present".
inline std::shared_ptr<WeightSource> weights_with_score(double shift) {
  return hash_weights(
      {{"sam_mask_decoder.pred_obj_score_head.layers.2.bias", {.mul = 1.0, .add = shift}}});
}

inline std::vector<uint8_t> random_picture(Random& random, int64_t width, int64_t height) {
  std::vector<uint8_t> pixels(static_cast<size_t>(3 * width * height));
  for (uint8_t& value : pixels) value = static_cast<uint8_t>(random.integer(0, 255));
  return pixels;
}

// Nine answers to questions of several lengths, about a clip of random pictures.
inline std::vector<std::vector<int32_t>> ask_all(Pointer& pointer) {
  Random random(3);
  const auto stream = pointer.open_stream();
  for (int64_t frame = 0; frame < 3; ++frame)
    stream->encode(frame, {random_picture(random, 40, 30).data(), 40, 30});
  std::vector<AnswerRequest> requests;
  for (int32_t i = 0; i < 9; ++i)
    requests.push_back({i % 3, std::vector<int32_t>(static_cast<size_t>(1 + i % 4), i), {}});
  AnswerOptions options;
  options.max_new_tokens = 5;
  std::vector<std::vector<int32_t>> ids;
  for (const Answer& answer : stream->answer(requests, options)) ids.push_back(answer.ids);
  return ids;
}

// Streams of three sizes, a frame and a few questions at a time; the memory that is used then.
inline MemoryUse ask_often(Pointer& pointer, int rounds) {
  constexpr std::pair<int64_t, int64_t> kSizes[] = {{40, 30}, {28, 28}, {90, 20}};
  Random random(5);
  std::vector<std::unique_ptr<PointerStream>> streams;
  for (size_t i = 0; i < std::size(kSizes); ++i) streams.push_back(pointer.open_stream({0, 2}));
  for (int round = 0; round < rounds; ++round) {
    const size_t which = static_cast<size_t>(round) % streams.size();
    const auto [width, height] = kSizes[which];
    const int64_t frame = round / static_cast<int>(streams.size());
    streams[which]->encode(frame, {random_picture(random, width, height).data(), width, height});
    std::vector<AnswerRequest> requests;
    for (int i = 0; i <= round % 2; ++i)
      requests.push_back(
          {frame, std::vector<int32_t>(static_cast<size_t>(1 + round % 4), 7 + i), {}});
    AnswerOptions options;
    options.max_new_tokens = 2 + round % 2;
    streams[which]->answer(requests, options);
  }
  return pointer.memory_use();
}

// Two objects through a clip, forwards; the memory that is used then.
inline MemoryUse follow_often(Segmenter& segmenter, int64_t frames) {
  constexpr int64_t kWidth = 50, kHeight = 40;
  Random random(11);
  VideoOptions options;
  options.width = kWidth;
  options.height = kHeight;
  const auto video = segmenter.open_video(options);
  for (int64_t frame = 0; frame < frames; ++frame) {
    const auto features =
        segmenter.encode({random_picture(random, kWidth, kHeight).data(), kWidth, kHeight, 0});
    if (frame > 0) {
      video->track(frame, features);
      video->forget(frame - 20, frame);
      continue;
    }
    PointPrompt click;
    click.points = {20.0f, 15.0f};
    click.labels = {1};
    for (const int64_t object : {1, 2}) video->add_points(0, features, object, click);
    video->commit(0, features);
  }
  return segmenter.memory_use();
}

}  // namespace vmolmo::test
