#include "native/sam2/config.h"

#include <algorithm>

#include "native/base/attribute_reader.h"
#include "videomolmo/status.h"

namespace vmolmo::sam2 {

std::vector<BlockPlan> plan_blocks(const Sam2Config& config) {
  const auto& trunk = config.trunk;
  std::vector<BlockPlan> plan;
  for (size_t stage = 0; stage < trunk.blocks_per_stage.size(); ++stage) {
    for (int64_t i = 0; i < trunk.blocks_per_stage[stage]; ++i) {
      const auto index = static_cast<int64_t>(plan.size());
      const bool first = i == 0 && stage > 0;
      // The block that enters a stage still works in the windows of the stage before.
      const size_t from = first ? stage - 1 : stage;
      const bool global =
          std::ranges::find(trunk.global_blocks, index) != trunk.global_blocks.end();
      BlockPlan block;
      block.dim = trunk.widths[from];
      block.dim_out = trunk.widths[stage];
      block.heads = trunk.heads_per_stage[stage];
      block.window = global ? 0 : trunk.window_per_stage[from];
      block.pool = first;
      block.stage_end = i + 1 == trunk.blocks_per_stage[stage];
      plan.push_back(block);
    }
  }
  return plan;
}

namespace {

template <typename... Parts>
void expect(bool condition, Parts&&... parts) {
  require(condition, Code::kUnsupportedModel,
          "SAM 2 configuration: ", std::forward<Parts>(parts)...);
}

void validate_trunk(const Sam2Config& config) {
  const auto& trunk = config.trunk;
  expect(trunk.blocks_per_stage.size() == 4, "expected 4 stages, got ",
         trunk.blocks_per_stage.size());
  expect(trunk.widths.size() == 4, "expected 4 stage widths, got ", trunk.widths.size());
  expect(trunk.heads_per_stage.size() == 4, "expected 4 head counts, got ",
         trunk.heads_per_stage.size());
  expect(trunk.window_per_stage.size() == 4, "expected 4 window sizes, got ",
         trunk.window_per_stage.size());
  expect(trunk.width == trunk.widths[0], "trunk width ", trunk.width,
         " differs from the first stage's ", trunk.widths[0]);
  for (size_t stage = 0; stage < 4; ++stage) {
    expect(trunk.blocks_per_stage[stage] > 0 && trunk.blocks_per_stage[stage] <= 256, "stage ",
           stage, " has ", trunk.blocks_per_stage[stage], " blocks");
    expect(trunk.widths[stage] > 0 && trunk.heads_per_stage[stage] > 0 &&
               trunk.widths[stage] % trunk.heads_per_stage[stage] == 0,
           "stage ", stage, ": width ", trunk.widths[stage], " is not divisible by ",
           trunk.heads_per_stage[stage], " heads");
    expect(trunk.window_per_stage[stage] > 0, "stage ", stage, " has window ",
           trunk.window_per_stage[stage]);
    expect(stage == 3 || trunk.window_per_stage[stage] % 2 == 0, "stage ", stage, ": window ",
           trunk.window_per_stage[stage], " cannot be pooled 2x2");
  }
  expect((config.image_size / 4) % trunk.window_per_stage[0] == 0, "the token grid ",
         config.image_size / 4, " is not a multiple of the first window ",
         trunk.window_per_stage[0]);
  expect(trunk.background_size[0] > 0 && trunk.background_size[1] > 0, "background size ",
         trunk.background_size[0], "x", trunk.background_size[1]);
}

}  // namespace

void validate(const Sam2Config& config) {
  expect(config.version == "2.0" || config.version == "2.1", "version must be 2.0 or 2.1, got ",
         config.version);
  expect(config.image_size >= 32 && config.image_size <= 4096 && config.image_size % 32 == 0,
         "image size must be a multiple of 32 in 32..4096, got ", config.image_size);
  validate_trunk(config);
  const int64_t c = config.hidden_size;
  const int64_t m = config.memory_encoder.channels;
  expect(c > 0 && c % 8 == 0, "hidden size must be a positive multiple of 8, got ", c);
  expect(m > 0 && m % 4 == 0 && c % m == 0, "memory channels ", m, " must divide hidden size ", c);
  const int64_t downsample = config.decoder.attention_downsample;
  expect(config.decoder.heads > 0 && downsample > 0 && c % (config.decoder.heads * downsample) == 0,
         "hidden size ", c, " does not fit ", config.decoder.heads,
         " decoder heads with downsampling ", downsample);
  expect(config.decoder.layers > 0, "decoder layers ", config.decoder.layers);
  expect(config.mask_input_channels > 0 && config.mask_input_channels % 4 == 0,
         "mask input channels must be a positive multiple of 4, got ", config.mask_input_channels);
  expect(config.memory_attention.layers > 0, "memory attention layers ",
         config.memory_attention.layers);
  expect(config.max_memory_frames >= 2, "memory frames ", config.max_memory_frames);
  expect(config.max_object_pointers >= 2, "object pointers ", config.max_object_pointers);
}

namespace {

constexpr int64_t kMaxExtent = 1 << 16;

// Reads extents of a group of attributes.
struct Extents {
  AttributeReader& from;

  void operator()(const char* name, int64_t& field) const { from.read(name, field, 1, kMaxExtent); }
  void operator()(const char* name, std::vector<int64_t>& field) const {
    from.read(name, field, 0, kMaxExtent);
  }
};

void read_trunk(AttributeReader from, Sam2Config::Trunk& trunk) {
  const Extents extents{from};
  extents("width", trunk.width);
  extents("blocksPerStage", trunk.blocks_per_stage);
  extents("widths", trunk.widths);
  extents("headsPerStage", trunk.heads_per_stage);
  extents("windowPerStage", trunk.window_per_stage);
  extents("globalBlocks", trunk.global_blocks);
  std::vector<int64_t> background(trunk.background_size.begin(), trunk.background_size.end());
  extents("backgroundSize", background);
  require(background.size() == 2, Code::kInvalidArgument,
          "attributes.trunk.backgroundSize: expected two sizes, got ", background.size(), ".");
  trunk.background_size = {background[0], background[1]};
  from.read("mlpRatio", trunk.mlp_ratio);
  require(trunk.mlp_ratio > 0.0 && trunk.mlp_ratio <= 64.0, Code::kInvalidArgument,
          "attributes.trunk.mlpRatio: expected a number in 0..64, got ", trunk.mlp_ratio, ".");
  from.read("normEps", trunk.norm_eps);
  from.finish();
}

void read_decoder(AttributeReader from, Sam2Config::Decoder& decoder) {
  const Extents extents{from};
  extents("layers", decoder.layers);
  extents("heads", decoder.heads);
  extents("mlpWidth", decoder.mlp_width);
  extents("attentionDownsample", decoder.attention_downsample);
  extents("iouHeadHidden", decoder.iou_head_hidden);
  from.read("dynamicMultimask", decoder.dynamic_multimask);
  from.read("stabilityDelta", decoder.stability_delta);
  from.read("stabilityThreshold", decoder.stability_threshold);
  from.finish();
}

void read_memory(AttributeReader& from, Sam2Config& config) {
  AttributeReader attention = from.child("memoryAttention");
  const Extents attention_extents{attention};
  attention_extents("layers", config.memory_attention.layers);
  attention_extents("mlpWidth", config.memory_attention.mlp_width);
  attention.read("ropeTheta", config.memory_attention.rope_theta);
  attention.finish();
  AttributeReader encoder = from.child("memoryEncoder");
  const Extents encoder_extents{encoder};
  encoder_extents("channels", config.memory_encoder.channels);
  encoder.read("fuserLayers", config.memory_encoder.fuser_layers, 0, 64);
  encoder_extents("fuserWidth", config.memory_encoder.fuser_width);
  encoder.finish();
  from.read("maxMemoryFrames", config.max_memory_frames, 2, 64);
  from.read("maxObjectPointers", config.max_object_pointers, 2, 1024);
  from.read("maxConditioningFrames", config.max_conditioning_frames, -1, 1024);
  from.read("sigmoidScale", config.sigmoid_scale);
  from.read("sigmoidBias", config.sigmoid_bias);
  from.read("occlusionEmbedding", config.occlusion_embedding);
  from.read("pointerTemporalEncoding", config.pointer_temporal_encoding);
}

}  // namespace

Sam2Config read_config(const Attributes& attributes) {
  AttributeReader from(attributes);
  const Extents extents{from};
  Sam2Config config;
  from.read("version", config.version);
  extents("imageSize", config.image_size);
  read_trunk(from.child("trunk"), config.trunk);
  extents("hiddenSize", config.hidden_size);
  extents("maskInputChannels", config.mask_input_channels);
  read_decoder(from.child("decoder"), config.decoder);
  read_memory(from, config);
  from.finish();
  validate(config);
  return config;
}

}  // namespace vmolmo::sam2
