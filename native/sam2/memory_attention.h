#pragma once

#include <string>
#include <vector>

#include "native/layers/attention.h"
#include "native/layers/feed_forward.h"
#include "native/ops/rope.h"
#include "native/sam2/image_encoder.h"

namespace vmolmo::sam2 {

// What the objects of a batch remember, as token sequences one behind another: of each object its
// memory frames first, its pointers last.
struct MemorySequences {
  struct Part {
    int64_t begin = 0, end = 0;  // rows
    int64_t pointer_tokens = 0;  // trailing tokens without a place in the picture
  };

  Tensor memory;            // [n, M]: stored features and pointer quarters, the values
  Tensor placed;            // [n, M]: the same plus spatial and temporal position, for the keys
  std::vector<Part> parts;  // per object
};

// Four pre-norm layers that condition a frame's features on an object's memory. Self attention of
// layer 0 sees the frame alone and is kept with its features.
class MemoryAttention {
 public:
  MemoryAttention(const Sam2Config& config, WeightLoader& loader);

  // One sequence per object; all objects run as one batch. Returns [B, g^2, C]. `labels` name the
  // objects in recorded tensors (may be empty).
  Tensor forward(Context& context, ImageFeatures& features, const MemorySequences& sequences,
                 const std::vector<std::string>& labels = {}) const;
  // x after layer 0's self attention, [g^2, C]; made once per frame.
  const Tensor& first_self_attention(Context& context, ImageFeatures& features) const;

 private:
  struct Layer {
    LayerNorm norm1, norm2;
    Attention self;
    Linear query;  // C -> C
    Linear key;    // M -> C
    // softmax(..) (memory Wv' + bv) Wo' + bo = (softmax(..) memory) (Wo Wv)' + (Wo bv + bo),
    // because softmax rows sum to 1: the values stay M wide until after the average.
    Linear value_out;  // M -> C
    FeedForward mlp;
  };

  Tensor self_attention(Context& context, const Layer& layer, const Tensor& x) const;
  // Every object of x [B, g^2, C] against its memory: the averages, [B, g^2, M].
  Tensor cross_attention(Context& context, const Layer& layer, const Tensor& query,
                         const MemorySequences& sequences) const;
  // Objects [begin, end) alone: their averages, [g^2, M] each.
  std::vector<Tensor> attend_some(Context& context, const Layer& layer, const Tensor& query,
                                  const MemorySequences& sequences, int64_t begin,
                                  int64_t end) const;
  void tap_objects(Context& context, const std::vector<std::string>& labels,
                   const std::string& name, const Tensor& x) const;

  int64_t width_;
  ops::RopeTable rope_;
  Tensor scaled_positions_;  // 0.1 * sine code, [g^2, C]
  std::vector<Layer> layers_;
  LayerNorm norm_;
};

}  // namespace vmolmo::sam2
