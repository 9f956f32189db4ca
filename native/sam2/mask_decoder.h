#pragma once

#include <memory>
#include <vector>

#include "native/sam2/image_encoder.h"

namespace vmolmo::sam2 {

// The decoder's transformer output for a batch of prompts.
struct DecoderState {
  Tensor tokens;  // [B, 6 + n, C]: object score, IoU, four masks, the sparse prompt
  Tensor keys;    // [B, g^2, C]
};

struct Candidate {
  int64_t mask = 0;  // 0..3
  float iou = 0.0f;
  Tensor logits;  // [4g, 4g]
};

// The two-way transformer and its heads. Masks are made on request, one token at a time, because
// tracking needs a single one of the four, and none when the object is absent.
class MaskDecoder {
 public:
  static constexpr int64_t kMasks = 4;

  MaskDecoder(const Sam2Config& config, WeightLoader& loader);

  // source [B, g^2, C]: image features plus dense prompt. sparse [B, n, C]. positions [g^2, C].
  DecoderState transform(Context& context, const Tensor& source, const Tensor& positions,
                         const Tensor& sparse) const;
  // [B, 4] after the sigmoid.
  Tensor ious(Context& context, const DecoderState& state) const;
  // One logit per batch entry.
  std::vector<float> object_scores(Context& context, const DecoderState& state) const;
  // Entry `index`'s features at mask resolution: [16 g^2, C / 8].
  Tensor upscale(Context& context, const DecoderState& state, int64_t index,
                 const ImageFeatures& features) const;
  // Logits of mask `mask` (0..3) of entry `index`: [4g, 4g].
  Tensor mask(Context& context, const DecoderState& state, int64_t index, int64_t mask,
              const Tensor& upscaled) const;
  // The masks that a caller gets: 1..3 with multimask; otherwise mask 0, or the best of 1..3 when
  // dynamic multimask is on and mask 0 is not stable. `ious` [4] is the entry's row of ious().
  std::vector<Candidate> candidates(Context& context, const DecoderState& state, int64_t index,
                                    const float* ious, const Tensor& upscaled,
                                    bool multimask) const;
  // Area above +delta over area above -delta; 1 when the latter is empty.
  float stability(Context& context, const Tensor& logits) const;
  // The token that belongs to a mask: [C].
  Tensor mask_token(const DecoderState& state, int64_t index, int64_t mask) const {
    return state.tokens[index][2 + mask];
  }

 private:
  struct Attention {
    Linear query, key, value, out;
  };
  struct Layer {
    Attention self, token_to_image, image_to_token;
    Norm norm1, norm2, norm3, norm4;
    Linear mlp_in, mlp_out;
  };

  Attention load_attention(WeightLoader& loader, const std::string& prefix, int64_t width) const;
  // residual + attention; residual may be empty.
  Tensor attend(Context& context, const Attention& attention, const Tensor& query,
                const Tensor& key, const Tensor& value, const Tensor& residual) const;
  void run_layer(Context& context, const Layer& layer, bool first, const Tensor& tokens,
                 const Tensor& positions, Tensor& queries, Tensor& keys) const;
  Tensor join_tokens(Context& context, const Tensor& sparse) const;

  int64_t width_;
  int64_t heads_;
  int64_t mask_side_;
  Sam2Config::Decoder options_;
  Tensor output_tokens_;  // [6, C]
  std::vector<Layer> layers_;
  Attention final_attention_;
  Norm final_norm_;
  Conv upscale1_, upscale2_;  // transposed 2x2
  Norm upscale_norm_;
  std::vector<Mlp> hypernetworks_;
  Mlp iou_head_, score_head_;
};

}  // namespace vmolmo::sam2
