#include "native/binding/sam2_config.h"

#include <cmath>

namespace vmolmo::binding {
namespace {

constexpr int64_t kMaxExtent = 1 << 16;

int64_t extent(const Argument& argument) { return argument.integer_in(1, kMaxExtent); }

std::vector<int64_t> extents(const Argument& argument) {
  std::vector<int64_t> values;
  for (const Argument& item : argument.items()) values.push_back(item.integer_in(0, kMaxExtent));
  return values;
}

float real(const Argument& argument) { return static_cast<float>(argument.number()); }

Sam2Config::Trunk read_trunk(const Argument& given) {
  Sam2Config::Trunk trunk;
  trunk.width = extent(given["width"]);
  trunk.blocks_per_stage = extents(given["blocksPerStage"]);
  trunk.widths = extents(given["widths"]);
  trunk.heads_per_stage = extents(given["headsPerStage"]);
  trunk.window_per_stage = extents(given["windowPerStage"]);
  trunk.global_blocks = extents(given["globalBlocks"]);
  const std::vector<int64_t> background = extents(given["backgroundSize"]);
  if (background.size() != 2) given["backgroundSize"].reject("two sizes");
  trunk.background_size = {background[0], background[1]};
  trunk.mlp_ratio = given["mlpRatio"].number();
  if (!(trunk.mlp_ratio > 0.0 && trunk.mlp_ratio <= 64.0))
    given["mlpRatio"].reject("a number in 0..64");
  trunk.norm_eps = real(given["normEps"]);
  return trunk;
}

Sam2Config::Decoder read_decoder(const Argument& given) {
  Sam2Config::Decoder decoder;
  decoder.layers = extent(given["layers"]);
  decoder.heads = extent(given["heads"]);
  decoder.mlp_width = extent(given["mlpWidth"]);
  decoder.attention_downsample = extent(given["attentionDownsample"]);
  decoder.iou_head_hidden = extent(given["iouHeadHidden"]);
  decoder.dynamic_multimask = given["dynamicMultimask"].boolean();
  decoder.stability_delta = real(given["stabilityDelta"]);
  decoder.stability_threshold = real(given["stabilityThreshold"]);
  return decoder;
}

}  // namespace

Sam2Config read_sam2_config(const Argument& given) {
  Sam2Config config;
  config.version = given["version"].text();
  config.image_size = extent(given["imageSize"]);
  config.trunk = read_trunk(given["trunk"]);
  config.hidden_size = extent(given["hiddenSize"]);
  config.mask_input_channels = extent(given["maskInputChannels"]);
  config.decoder = read_decoder(given["decoder"]);
  const Argument attention = given["memoryAttention"];
  config.memory_attention.layers = extent(attention["layers"]);
  config.memory_attention.mlp_width = extent(attention["mlpWidth"]);
  config.memory_attention.rope_theta = attention["ropeTheta"].number();
  const Argument encoder = given["memoryEncoder"];
  config.memory_encoder.channels = extent(encoder["channels"]);
  config.memory_encoder.fuser_layers = encoder["fuserLayers"].integer_in(0, 64);
  config.memory_encoder.fuser_width = extent(encoder["fuserWidth"]);
  config.max_memory_frames = given["maxMemoryFrames"].integer_in(2, 64);
  config.max_object_pointers = given["maxObjectPointers"].integer_in(2, 1024);
  config.max_conditioning_frames = given["maxConditioningFrames"].integer_in(-1, 1024);
  config.sigmoid_scale = real(given["sigmoidScale"]);
  config.sigmoid_bias = real(given["sigmoidBias"]);
  config.occlusion_embedding = given["occlusionEmbedding"].boolean();
  config.pointer_temporal_encoding = given["pointerTemporalEncoding"].boolean();
  return config;
}

}  // namespace vmolmo::binding
