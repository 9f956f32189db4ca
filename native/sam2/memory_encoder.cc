#include "native/sam2/memory_encoder.h"

#include <algorithm>

#include "native/layers/nchw.h"
#include "native/layers/sine_code.h"
#include "native/ops/activation.h"
#include "native/ops/conv.h"
#include "native/ops/elementwise.h"
#include "native/ops/resize.h"
#include "native/ops/select.h"
#include "native/ops/stack.h"
#include "native/sam2/tracker_heads.h"

namespace vmolmo::sam2 {
namespace {

constexpr char kPrefix[] = "memory_encoder.";

// gamma * (W x + b) as one layer; gamma in the CPU's memory.
Linear scale_rows(const WeightLoader& loader, const Linear& layer, const Tensor& gamma) {
  Tensor weight = layer.weight.data.to_f32(cpu_heap());
  Tensor bias = layer.bias.clone(cpu_heap());
  const float* g = gamma.data<float>();
  const int64_t rows = weight.dim(0), columns = weight.dim(1);
  for (int64_t r = 0; r < rows; ++r) {
    float* row = weight.data<float>() + r * columns;
    for (int64_t c = 0; c < columns; ++c) row[c] *= g[r];
    bias.data<float>()[r] *= g[r];
  }
  return {loader.place_matrix(weight), loader.place(bias)};
}

}  // namespace

MemoryEncoder::MemoryEncoder(const Sam2Config& config, WeightLoader& loader)
    : image_size_(config.image_size),
      sigmoid_scale_(config.sigmoid_scale),
      sigmoid_bias_(config.sigmoid_bias),
      positions_(loader.place(sine_code(config.grid(), config.memory_encoder.channels))) {
  const std::string prefix = kPrefix;
  const int64_t c = config.hidden_size;
  const int64_t m = config.memory_encoder.channels;
  const std::string down = prefix + "mask_downsampler.encoder.";
  int64_t channels = 1;
  for (int64_t i = 0; i < 4; ++i) {
    convs_.push_back(
        load_conv(loader, concat(down, 3 * i, "."), {4 * channels, channels, 3, 3}, 4 * channels));
    channels *= 4;
    norms_.push_back(load_norm(loader, concat(down, 3 * i + 1, "."), channels, 1e-6f));
  }
  mask_proj_ = load_conv1x1(loader, down + "12.", channels, c);
  pixel_proj_ = load_conv1x1(loader, prefix + "pix_feat_proj.", c, c);
  const int64_t hidden = config.memory_encoder.fuser_width;
  for (int64_t i = 0; i < config.memory_encoder.fuser_layers; ++i) {
    const std::string at = concat(prefix, "fuser.layers.", i, ".");
    Fuser fuser;
    fuser.depthwise = load_conv(loader, at + "dwconv.", {c, 1, 7, 7}, c);
    fuser.norm = load_norm(loader, at + "norm.", c, 1e-6f);
    fuser.expand = load_linear(loader, at + "pwconv1.", c, hidden);
    fuser.shrink = scale_rows(loader, load_linear(loader, at + "pwconv2.", hidden, c),
                              loader.host_f32(at + "gamma", {c}));
    fusers_.push_back(std::move(fuser));
  }
  out_proj_ = load_conv1x1(loader, prefix + "out_proj.", c, m);
  if (config.occlusion_embedding) occlusion_ = loader.f32("no_obj_embed_spatial", {1, m})[0];
}

Tensor MemoryEncoder::encode(Context& context, ImageFeatures& features, const Request& request,
                             bool round) const {
  StageTimer timer(context, "memoryEncoder");
  const int64_t batch = request.logits.dim(0), at_once = context.batch_objects();
  std::vector<Tensor> parts;
  for (int64_t begin = 0; begin < batch; begin += at_once) {
    const int64_t end = std::min(batch, begin + at_once);
    context.check_cancelled();
    Request part = request;
    part.logits = request.logits.slice(0, begin, end);
    part.scores = request.scores.slice(0, begin, end);
    parts.push_back(encode_part(context, features, part));
    if (round) ops::round_to_bf16_inplace(context, parts.back());
  }
  return ops::joined(context, parts);
}

Tensor MemoryEncoder::encode_part(Context& context, ImageFeatures& features,
                                  const Request& request) const {
  Tensor x = mask_features(context, request);
  x = ops::add(context, x, pixel_features(context, features)[0]);
  for (size_t i = 0; i < fusers_.size(); ++i) {
    context.check_cancelled();
    x = fuse(context, fusers_[i], x);
    tap_entries_nchw(context, concat("memenc.fuser.", i), x);
  }
  x = out_proj_(context, x);
  x = x.reshape({x.dim(0), -1, x.dim(3)});
  if (occlusion_) ops::gated_add_inplace(context, x, request.scores, occlusion_);
  return x;
}

Tensor MemoryEncoder::mask_features(Context& context, const Request& request) const {
  // An absent object's mask is background everywhere, and so is every pixel of its reduction. A GPU
  // is not asked who is absent: that would mean to wait.
  const bool absent = request.gated && !request.binarize && request.scores.numel() == 1 &&
                      context.at_hand(request.scores) && !(request.scores.data<float>()[0] > 0.0f);
  if (absent && empty_mask_ && !context.recording()) return empty_mask_;
  const Tensor& logits = request.logits;
  Tensor x = ops::resize_bilinear(context,
                                  logits.reshape({logits.dim(0), logits.dim(1), logits.dim(2), 1}),
                                  image_size_, image_size_);
  if (request.binarize) {
    x = ops::step(context, x, 0.0f);
  } else {
    x = ops::activate(context, x, Activation::kSigmoid);
  }
  Tensor reduced = downsample(context, ops::affine(context, x, sigmoid_scale_, sigmoid_bias_));
  if (absent) empty_mask_ = reduced;
  return reduced;
}

Tensor MemoryEncoder::downsample(Context& context, Tensor x) const {
  for (size_t i = 0; i < convs_.size(); ++i) {
    x = conv_norm_gelu(context, x, convs_[i], 2, 1, norms_[i]);
    tap_entries_nchw(context, concat("memenc.mask_downsampler.", 3 * i + 2), x);
  }
  x = mask_proj_(context, x);
  tap_entries_nchw(context, "memenc.mask_downsampler.12", x);
  return x;
}

const Tensor& MemoryEncoder::pixel_features(Context& context, ImageFeatures& features) const {
  if (!features.memory_pixels) {
    const int64_t grid = image_size_ / 16;
    const Tensor vision = features.vision.reshape({1, grid, grid, features.vision.dim(1)});
    features.memory_pixels = pixel_proj_(context, vision);
  }
  tap_nchw(context, "memenc.pix_feat_proj", features.memory_pixels);
  return features.memory_pixels;
}

Tensor MemoryEncoder::fuse(Context& context, const Fuser& fuser, const Tensor& x) const {
  Tensor y = ops::conv2d_depthwise(context, x, fuser.depthwise.weight, fuser.depthwise.bias, 3);
  constexpr ops::Feeds kFeeds = ops::Feeds::kProducts;
  y = fuser.expand(context, fuser.norm(context, y, kFeeds), Activation::kGelu, kFeeds);
  return fuser.shrink.add_to(context, x, y);
}

}  // namespace vmolmo::sam2
