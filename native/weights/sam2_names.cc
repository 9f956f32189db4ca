#include "native/weights/sam2_names.h"

#include <cctype>
#include <string_view>
#include <utility>

namespace vmolmo {

namespace {

constexpr std::string_view kPointEmbed = "prompt_encoder.point_embed.weight";
constexpr std::string_view kGaussian = "shared_image_embedding.positional_embedding";
constexpr std::string_view kGaussianTied = "prompt_encoder.shared_embedding.positional_embedding";
constexpr int kPointKinds = 4;  // negative, positive, box corner, box corner

using Rule = std::pair<std::string_view, std::string_view>;

// Names that change as a whole, by their beginning.
constexpr Rule kPrefixes[] = {
    {"maskmem_tpos_enc", "memory_temporal_positional_encoding"},
    {"no_mem_embed", "no_memory_embedding"},
    {"no_mem_pos_enc", "no_memory_positional_encoding"},
    {"no_obj_ptr", "no_object_pointer"},
    {"no_obj_embed_spatial", "occlusion_spatial_embedding_parameter"},
    {"obj_ptr_tpos_proj.", "temporal_positional_encoding_projection_layer."},
    {"obj_ptr_proj.", "object_pointer_proj."},
    {"image_encoder.trunk.", "vision_encoder.backbone."},
    {"image_encoder.neck.", "vision_encoder.neck."},
    {"sam_prompt_encoder.pe_layer.positional_encoding_gaussian_matrix", kGaussian},
    {"sam_prompt_encoder.mask_downscaling.0.", "prompt_encoder.mask_embed.conv1."},
    {"sam_prompt_encoder.mask_downscaling.1.", "prompt_encoder.mask_embed.layer_norm1."},
    {"sam_prompt_encoder.mask_downscaling.3.", "prompt_encoder.mask_embed.conv2."},
    {"sam_prompt_encoder.mask_downscaling.4.", "prompt_encoder.mask_embed.layer_norm2."},
    {"sam_prompt_encoder.mask_downscaling.6.", "prompt_encoder.mask_embed.conv3."},
    {"sam_prompt_encoder.", "prompt_encoder."},
    {"sam_mask_decoder.output_upscaling.0.", "mask_decoder.upscale_conv1."},
    {"sam_mask_decoder.output_upscaling.1.", "mask_decoder.upscale_layer_norm."},
    {"sam_mask_decoder.output_upscaling.3.", "mask_decoder.upscale_conv2."},
    {"sam_mask_decoder.", "mask_decoder."},
    {"memory_encoder.out_proj.", "memory_encoder.projection."},
    {"memory_encoder.pix_feat_proj.", "memory_encoder.feature_projection."},
    {"memory_encoder.fuser.", "memory_encoder.memory_fuser."},
};

// Parts that change wherever they occur in what follows.
constexpr Rule kParts[] = {
    {".patch_embed.proj.", ".patch_embed.projection."},
    {".conv.", "."},  // neck.convs.<k>.conv.
    {".norm", ".layer_norm"},
    {".out_proj.", ".o_proj."},
    {".dwconv.", ".depthwise_conv."},
    {".pwconv", ".pointwise_conv"},
    {".gamma", ".scale"},
};

bool replace_part(std::string& name, std::string_view from, std::string_view to) {
  const size_t at = name.find(from);
  if (at == std::string::npos) return false;
  name.replace(at, from.size(), to);
  return true;
}

// mask_downsampler.encoder is a list of (convolution, norm, activation) and a last 1x1 convolution.
bool rename_downsampler(std::string& name) {
  constexpr std::string_view kEncoder = ".mask_downsampler.encoder.";
  constexpr int kLast = 12;
  const size_t at = name.find(kEncoder);
  if (at == std::string::npos) return false;
  const size_t digits = at + kEncoder.size();
  size_t end = digits;
  int index = 0;
  while (end < name.size() && std::isdigit(static_cast<unsigned char>(name[end]))) {
    index = index * 10 + (name[end++] - '0');
  }
  const std::string layer = index == kLast ? "final_conv"
                                           : "layers." + std::to_string(index / 3) +
                                                 (index % 3 == 0 ? ".conv" : ".layer_norm");
  name.replace(at, end - at, ".mask_downsampler." + layer);
  return true;
}

// Two-layer perceptrons are called mlp; the three-layer ones are heads of their own.
void rename_perceptron(std::string& name) {
  if (replace_part(name, ".mlp.layers.0.", ".mlp.proj_in.")) return;
  if (replace_part(name, ".mlp.layers.1.", ".mlp.proj_out.")) return;
  const bool head = name.find("output_hypernetworks_mlps.") != std::string::npos ||
                    name.find(".iou_prediction_head.") != std::string::npos ||
                    name.find(".pred_obj_score_head.") != std::string::npos ||
                    name.starts_with("object_pointer_proj.");
  if (!head) return;
  if (replace_part(name, ".layers.0.", ".proj_in.")) return;
  if (replace_part(name, ".layers.1.", ".layers.0.")) return;
  replace_part(name, ".layers.2.", ".proj_out.");
}

std::string row_name(int row) { return std::string(kPointEmbed) + "[" + std::to_string(row) + "]"; }

class TransformersSource : public WeightSource {
 public:
  explicit TransformersSource(std::shared_ptr<WeightSource> file) : file_(std::move(file)) {}

  bool has(const std::string& name) const override {
    if (name.starts_with(kPointEmbed)) return file_->has(std::string(kPointEmbed));
    return file_->has(stored(name));
  }

  std::vector<TensorInfo> list() const override {
    std::vector<TensorInfo> all;
    for (TensorInfo& info : file_->list()) {
      if (info.name == kPointEmbed) {
        for (int row = 0; row < kPointKinds; ++row) {
          TensorInfo part = info;
          part.name = row_name(row);
          part.shape[0] = 1;
          all.push_back(std::move(part));
        }
      } else if (info.name == kGaussianTied) {
        if (!file_->has(std::string(kGaussian))) {
          info.name = kGaussian;
          all.push_back(std::move(info));
        }
      } else {
        all.push_back(std::move(info));
      }
    }
    return all;
  }

  Tensor get(const std::string& name, const Shape& shape) override {
    for (int row = 0; row < kPointKinds; ++row) {
      if (name != row_name(row)) continue;
      const Tensor joined = file_->get(std::string(kPointEmbed), {kPointKinds, shape[-1]});
      return joined.slice(0, row, row + 1).reshape(shape);
    }
    return file_->get(stored(name), shape);
  }

 private:
  std::string stored(const std::string& name) const {
    if (name == kGaussian && !file_->has(name)) return std::string(kGaussianTied);
    return name;
  }

  std::shared_ptr<WeightSource> file_;
};

}  // namespace

std::string sam2_transformers_name(const std::string& original) {
  constexpr std::string_view kPoints = "sam_prompt_encoder.point_embeddings.";
  if (original.starts_with(kPoints)) return row_name(original[kPoints.size()] - '0');

  std::string name = original;
  for (const auto& [from, to] : kPrefixes) {
    if (name.starts_with(from)) {
      name.replace(0, from.size(), to);
      break;
    }
  }
  if (rename_downsampler(name)) return name;
  for (const auto& [from, to] : kParts) replace_part(name, from, to);
  rename_perceptron(name);
  return name;
}

std::shared_ptr<WeightSource> sam2_transformers_source(std::shared_ptr<WeightSource> checkpoint) {
  return std::make_shared<TransformersSource>(std::move(checkpoint));
}

}  // namespace vmolmo
