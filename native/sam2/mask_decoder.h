#pragma once

#include <memory>
#include <vector>

#include "native/layers/attention.h"
#include "native/layers/conv.h"
#include "native/layers/mlp.h"
#include "native/layers/norm.h"
#include "native/sam2/config.h"
#include "native/sam2/image_encoder.h"

namespace vmolmo::sam2 {

// The decoder's transformer output for a batch of prompts.
struct DecoderState {
  Tensor tokens;  // [B, 6 + n, C]: object score, IoU, four masks, the sparse prompt
  Tensor keys;    // [B, g^2, C]

  DecoderState entries(int64_t begin, int64_t end) const {
    return {tokens.slice(0, begin, end), keys.slice(0, begin, end)};
  }
};

// The masks that a caller gets of every entry.
struct Candidates {
  Tensor logits;  // [B, k, 4g, 4g]
  Tensor ious;    // [B, k]
};

// The two-way transformer and its heads. Masks are made on request, one per entry at a time,
// because tracking needs a single one of the four, and none when the object is absent.
class MaskDecoder {
 public:
  static constexpr int64_t kMasks = 4;

  MaskDecoder(const Sam2Config& config, WeightLoader& loader);

  // source [B, g^2, C]: image features plus dense prompt. sparse [B, n, C]. positions [g^2, C].
  DecoderState transform(Context& context, const Tensor& source, const Tensor& positions,
                         const Tensor& sparse) const;
  // [B, 4] after the sigmoid.
  Tensor ious(Context& context, const DecoderState& state) const;
  // One logit per batch entry: [B].
  Tensor object_scores(Context& context, const DecoderState& state) const;
  // Features at mask resolution: [B, 16 g^2, C / 8].
  Tensor upscale(Context& context, const DecoderState& state, const ImageFeatures& features) const;
  // What makes each of the four masks from upscaled features: [B, 4, C / 8].
  Tensor mask_weights(Context& context, const DecoderState& state) const;
  // Logits of one mask per entry from its weights [B, C / 8]: [B, 4g, 4g].
  Tensor mask(Context& context, const Tensor& weights, const Tensor& upscaled) const;
  // Masks 1..3 with multimask; otherwise mask 0, or the best of 1..3 when dynamic multimask is on
  // and mask 0 is not stable. `ious`: of the entries, [B, 4].
  Candidates candidates(Context& context, const DecoderState& state, const Tensor& ious,
                        const Tensor& upscaled, bool multimask) const;
  // Area above +delta over area above -delta; 1 when the latter is empty. Waits for the device.
  float stability(Context& context, const Tensor& logits) const;
  // The tokens that belong to the masks: [B, 4, C].
  Tensor mask_tokens(Context& context, const DecoderState& state) const;

 private:
  struct Layer {
    Attention self, token_to_image, image_to_token;
    LayerNorm norm1, norm2, norm3, norm4;
    Linear mlp_in, mlp_out;
  };

  // residual + attention.
  Tensor attend(Context& context, const Attention& attention, const Tensor& query,
                const Tensor& key, const Tensor& value, const Tensor& residual) const;
  void run_layer(Context& context, const Layer& layer, bool first, const Tensor& tokens,
                 const Tensor& positions, Tensor& queries, Tensor& keys) const;
  Tensor join_tokens(Context& context, const Tensor& sparse) const;

  int64_t width_;
  int64_t mask_side_;
  Sam2Config::Decoder options_;
  Tensor output_tokens_;  // [6, C]
  std::vector<Layer> layers_;
  Attention final_attention_;
  LayerNorm final_norm_;
  Conv upscale1_, upscale2_;  // transposed 2x2
  LayerNorm upscale_norm_;
  std::vector<Mlp> hypernetworks_;
  Mlp iou_head_, score_head_;
};

}  // namespace vmolmo::sam2
