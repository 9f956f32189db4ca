#include "native/molmo/config.h"

#include "videomolmo/status.h"

namespace vmolmo {
namespace {

// Larger extents than any model of this family has; keeps products of two of them exact.
constexpr int64_t kMaxExtent = int64_t{1} << 24;

void check_extent(const char* name, int64_t value, int64_t smallest = 1) {
  require(value >= smallest && value <= kMaxExtent, Code::kInvalidArgument, "The configuration's ",
          name, " must be ", smallest, " to ", kMaxExtent, "; it is ", value, ".");
}

void check_vit(const VitConfig& vit) {
  check_extent("vision image_size", vit.image_size);
  check_extent("vision patch_size", vit.patch_size);
  check_extent("vision hidden_size", vit.width);
  check_extent("vision num_attention_heads", vit.heads);
  check_extent("vision head_dim", vit.head_dim);
  check_extent("vision intermediate_size", vit.mlp_width);
  check_extent("vision num_hidden_layers", vit.blocks);
  require(vit.image_size % vit.patch_size == 0, Code::kInvalidArgument, "The vision image_size ",
          vit.image_size, " is no multiple of the patch_size ", vit.patch_size, ".");
}

void check_decoder(const DecoderConfig& decoder) {
  check_extent("hidden_size", decoder.width);
  check_extent("num_hidden_layers", decoder.blocks);
  check_extent("num_attention_heads", decoder.heads);
  check_extent("num_key_value_heads", decoder.kv_heads);
  check_extent("intermediate_size", decoder.mlp_width);
  check_extent("embedding_size", decoder.vocab_size);
  check_extent("additional_vocab_size", decoder.extra_vocab_size, 0);
  check_extent("max_position_embeddings", decoder.max_positions);
  check_extent("head_dim", decoder.head_dim);
  require(decoder.head_dim % 2 == 0, Code::kInvalidArgument,
          "RoPE needs heads of even size; head_dim is ", decoder.head_dim, ".");
  require(decoder.heads % decoder.kv_heads == 0, Code::kInvalidArgument, "num_attention_heads (",
          decoder.heads, ") is no multiple of num_key_value_heads (", decoder.kv_heads, ").");
  require(decoder.rope_theta > 0.0, Code::kInvalidArgument, "rope_theta must be positive; it is ",
          decoder.rope_theta, ".");
}

void check_preprocess(const PreprocessConfig& pre, int64_t grid) {
  require(pre.max_crops >= 1 && pre.max_crops <= 1024, Code::kInvalidArgument,
          "max_crops must be 1 to 1024; it is ", pre.max_crops, ".");
  require(pre.margin_before >= 0 && pre.margin_after >= 0 && pre.margin_before % 2 == 0 &&
              pre.margin_after % 2 == 0 && pre.margin_before + pre.margin_after < grid,
          Code::kInvalidArgument, "overlap_margins must be even and leave a window of ", grid,
          " patches; they are ", pre.margin_before, " and ", pre.margin_after, ".");
  for (float std : pre.std)
    require(std > 0.0f, Code::kInvalidArgument, "image_std must be positive; it has ", std, ".");
}

}  // namespace

void MolmoConfig::validate() const {
  check_vit(vit);
  check_decoder(decoder);
  check_preprocess(preprocess, vit.grid());
  require(!vit_layers.empty() && vit_layers.size() <= 16, Code::kInvalidArgument,
          "vit_layers must name 1 to 16 blocks; it names ", vit_layers.size(), ".");
  require(previous_frames >= 0 && previous_frames <= 64, Code::kInvalidArgument,
          "num_prev_frames must be 0 to 64; it is ", previous_frames, ".");
  require(!temporal_adapter || previous_frames >= 1, Code::kInvalidArgument,
          "A model with a temporal module needs num_prev_frames of at least 1.");
  const int64_t ids = decoder.vocab_size + decoder.extra_vocab_size;
  for (int32_t id : {tokens.start, tokens.end, tokens.patch, tokens.col, bos}) {
    require(id >= 0 && id < ids, Code::kInvalidArgument, "The special token id ", id,
            " lies outside the embedding table of ", ids, " rows.");
  }
}

}  // namespace vmolmo
