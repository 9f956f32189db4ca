#include "native/molmo/config.h"

#include "native/base/attribute_reader.h"
#include "videomolmo/status.h"

namespace vmolmo {
namespace {

// Larger extents than any model of this family has; keeps products of two of them exact.
constexpr int64_t kMaxExtent = int64_t{1} << 24;

void read_vit(AttributeReader from, VitConfig& vit) {
  const auto extent = [&](const char* name, int64_t& field) {
    from.read(name, field, 1, kMaxExtent);
  };
  extent("imageSize", vit.image_size);
  extent("patchSize", vit.patch_size);
  extent("width", vit.width);
  extent("heads", vit.heads);
  extent("headDim", vit.head_dim);
  extent("mlpWidth", vit.mlp_width);
  extent("blocks", vit.blocks);
  from.read("normEps", vit.norm_eps);
  from.finish();
}

QkNorm read_qk_norm(AttributeReader& from) {
  std::string over = "none";
  from.read("qkNorm", over);
  if (over == "none") return QkNorm::kNone;
  if (over == "row") return QkNorm::kRow;
  require(over == "head", Code::kInvalidArgument,
          "attributes.decoder.qkNorm: expected 'none', 'row' or 'head', got '", over, "'.");
  return QkNorm::kHead;
}

// Heads share the width unless their size is given.
void read_head_dim(AttributeReader& from, DecoderConfig& decoder) {
  decoder.head_dim = decoder.width / decoder.heads;
  from.read("headDim", decoder.head_dim, 1, kMaxExtent);
  require(from.has("headDim") || decoder.width % decoder.heads == 0, Code::kInvalidArgument,
          "attributes.decoder.width: expected a multiple of heads (", decoder.heads, "), got ",
          decoder.width, ".");
}

void read_decoder(AttributeReader from, DecoderConfig& decoder) {
  const auto extent = [&](const char* name, int64_t& field, int64_t least = 1) {
    from.read(name, field, least, kMaxExtent);
  };
  extent("width", decoder.width);
  extent("blocks", decoder.blocks);
  extent("heads", decoder.heads);
  extent("kvHeads", decoder.kv_heads);
  read_head_dim(from, decoder);
  extent("mlpWidth", decoder.mlp_width);
  extent("vocabSize", decoder.vocab_size);
  extent("extraVocabSize", decoder.extra_vocab_size, 0);
  extent("maxPositions", decoder.max_positions);
  from.read("ropeTheta", decoder.rope_theta);
  from.read("normEps", decoder.norm_eps);
  from.read("qkvBias", decoder.qkv_bias);
  decoder.qk_norm = read_qk_norm(from);
  from.read("normAfter", decoder.norm_after);
  float clip = 0.0f;
  from.read("clipQkv", clip);
  if (from.has("clipQkv")) decoder.clip_qkv = clip;
  from.read("tied", decoder.tied);
  from.finish();
}

void read_preprocess(AttributeReader from, PreprocessConfig& pre) {
  from.read("maxCrops", pre.max_crops, 1, 1024);
  from.read("marginBefore", pre.margin_before, 0, kMaxExtent);
  from.read("marginAfter", pre.margin_after, 0, kMaxExtent);
  from.read_all("mean", pre.mean);
  from.read_all("std", pre.std);
  from.read("useColTokens", pre.use_col_tokens);
  from.finish();
}

void read_token(AttributeReader& from, const char* name, int32_t& id) {
  from.read(name, id, -1, INT32_MAX);
}

void read_tokens(AttributeReader from, ImageTokens& tokens) {
  read_token(from, "start", tokens.start);
  read_token(from, "end", tokens.end);
  read_token(from, "patch", tokens.patch);
  read_token(from, "col", tokens.col);
  read_token(from, "image", tokens.image);
  from.finish();
}

template <typename... Parts>
void expect(bool condition, Parts&&... parts) {
  require(condition, Code::kInvalidArgument, "attributes.", std::forward<Parts>(parts)...);
}

void check_decoder(const DecoderConfig& decoder) {
  expect(decoder.head_dim % 2 == 0, "decoder.headDim: expected an even size, as RoPE needs, got ",
         decoder.head_dim, ".");
  expect(decoder.heads % decoder.kv_heads == 0, "decoder.heads: expected a multiple of kvHeads (",
         decoder.kv_heads, "), got ", decoder.heads, ".");
  expect(decoder.rope_theta > 0.0, "decoder.ropeTheta: expected a positive number, got ",
         decoder.rope_theta, ".");
}

void check_preprocess(const PreprocessConfig& pre, int64_t grid) {
  expect(pre.margin_before % 2 == 0 && pre.margin_after % 2 == 0 &&
             pre.margin_before + pre.margin_after < grid,
         "preprocess: expected even margins that leave a window of ", grid, " patches, got ",
         pre.margin_before, " and ", pre.margin_after, ".");
  for (float std : pre.std)
    expect(std > 0.0f, "preprocess.std: expected positive numbers, got ", std, ".");
}

}  // namespace

void MolmoConfig::validate() const {
  expect(vit.image_size % vit.patch_size == 0, "vit.imageSize: expected a multiple of patchSize (",
         vit.patch_size, "), got ", vit.image_size, ".");
  check_decoder(decoder);
  check_preprocess(preprocess, vit.grid());
  expect(!vit_layers.empty() && vit_layers.size() <= 16, "vitLayers: expected 1 to 16 blocks, got ",
         vit_layers.size(), ".");
  for (const int64_t layer : vit_layers) {
    expect(layer >= -vit.blocks && layer < vit.blocks, "vitLayers: expected blocks of ", vit.blocks,
           ", got ", layer, ".");
  }
  expect(!temporal_adapter || previous_frames >= 1,
         "previousFrames: expected at least 1 for a model with a temporal module, got ",
         previous_frames, ".");
  const int64_t ids = decoder.vocab_size + decoder.extra_vocab_size;
  for (int32_t id : {tokens.start, tokens.end, tokens.patch, tokens.col, bos}) {
    expect(id >= 0 && id < ids, "tokens: expected ids of an embedding table of ", ids,
           " rows, got ", id, ".");
  }
}

MolmoConfig read_molmo_config(const Attributes& attributes) {
  AttributeReader from(attributes);
  MolmoConfig config;
  read_vit(from.child("vit"), config.vit);
  read_decoder(from.child("decoder"), config.decoder);
  read_preprocess(from.child("preprocess"), config.preprocess);
  read_tokens(from.child("tokens"), config.tokens);
  read_token(from, "bos", config.bos);
  read_token(from, "eos", config.eos);
  from.read("vitLayers", config.vit_layers, -kMaxExtent, kMaxExtent);
  from.read("padEmbed", config.pad_embed);
  from.read("temporalAdapter", config.temporal_adapter);
  from.read("previousFrames", config.previous_frames, 0, 64);
  from.finish();
  config.validate();
  return config;
}

}  // namespace vmolmo
