#include "native/binding/pointer_config.h"

namespace vmolmo::binding {
namespace {

int32_t token_id(const Argument& argument) {
  return static_cast<int32_t>(argument.integer_in(-1, INT32_MAX));
}

VitConfig read_vit(const Argument& given) {
  VitConfig vit;
  vit.image_size = given["imageSize"].integer();
  vit.patch_size = given["patchSize"].integer();
  vit.width = given["width"].integer();
  vit.heads = given["heads"].integer();
  vit.head_dim = given["headDim"].integer();
  vit.mlp_width = given["mlpWidth"].integer();
  vit.blocks = given["blocks"].integer();
  vit.norm_eps = static_cast<float>(given["normEps"].number());
  return vit;
}

DecoderConfig read_decoder(const Argument& given) {
  DecoderConfig decoder;
  decoder.width = given["width"].integer();
  decoder.blocks = given["blocks"].integer();
  decoder.heads = given["heads"].integer();
  decoder.kv_heads = given["kvHeads"].integer();
  if (decoder.heads > 0) {
    require(decoder.width % decoder.heads == 0, Code::kInvalidArgument, "A hidden_size of ",
            decoder.width, " cannot be cut into ", decoder.heads, " heads.");
    decoder.head_dim = decoder.width / decoder.heads;
  }
  decoder.mlp_width = given["mlpWidth"].integer();
  decoder.vocab_size = given["vocabSize"].integer();
  decoder.extra_vocab_size = given["extraVocabSize"].integer();
  decoder.max_positions = given["maxPositions"].integer();
  decoder.rope_theta = given["ropeTheta"].number();
  decoder.norm_eps = static_cast<float>(given["normEps"].number());
  decoder.qkv_bias = given["qkvBias"].boolean();
  decoder.qk_norm = given["qkNorm"].boolean() ? QkNorm::kRow : QkNorm::kNone;
  decoder.norm_after = given["normAfter"].boolean();
  if (given["clipQkv"].present()) decoder.clip_qkv = static_cast<float>(given["clipQkv"].number());
  decoder.tied = given["tied"].boolean();
  return decoder;
}

std::array<float, 3> read_channels(const Argument& argument) {
  const std::vector<Argument> items = argument.items();
  if (items.size() != 3) argument.reject("an array of 3 numbers");
  std::array<float, 3> values{};
  for (size_t i = 0; i < 3; ++i) values[i] = static_cast<float>(items[i].number());
  return values;
}

PreprocessConfig read_preprocess(const Argument& given) {
  PreprocessConfig pre;
  pre.max_crops = given["maxCrops"].integer();
  pre.margin_before = given["marginBefore"].integer();
  pre.margin_after = given["marginAfter"].integer();
  pre.mean = read_channels(given["mean"]);
  pre.std = read_channels(given["std"]);
  pre.use_col_tokens = given["useColTokens"].boolean();
  return pre;
}

}  // namespace

MolmoConfig read_molmo_config(const Argument& given) {
  given.object();
  MolmoConfig config;
  config.vit = read_vit(given["vit"]);
  config.decoder = read_decoder(given["decoder"]);
  config.preprocess = read_preprocess(given["preprocess"]);
  const Argument tokens = given["tokens"];
  config.tokens = {token_id(tokens["start"]), token_id(tokens["end"]), token_id(tokens["patch"]),
                   token_id(tokens["col"]), token_id(tokens["image"])};
  config.bos = token_id(given["bos"]);
  config.eos = token_id(given["eos"]);
  config.vit_layers = given["vitLayers"].integers();
  config.pad_embed = given["padEmbed"].boolean();
  config.temporal_adapter = given["temporalAdapter"].boolean();
  config.previous_frames = given["previousFrames"].integer();
  return config;
}

}  // namespace vmolmo::binding
