#include "native/sam2/prompt_encoder.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace vmolmo::sam2 {
namespace {

constexpr char kPrefix[] = "sam_prompt_encoder.";

Tensor load_point_embeddings(WeightLoader& loader, int64_t width) {
  Tensor table = Tensor::empty(cpu_heap(), {4, width});
  for (int64_t i = 0; i < 4; ++i) {
    const Tensor row =
        loader.host_f32(concat(kPrefix, "point_embeddings.", i, ".weight"), {1, width});
    std::copy_n(row.data<float>(), width, table.data<float>() + i * width);
  }
  return table;
}

}  // namespace

PromptEncoder::PromptEncoder(const Sam2Config& config, WeightLoader& loader)
    : width_(config.hidden_size), image_size_(config.image_size) {
  const int64_t channels = config.mask_input_channels;
  gaussian_ = loader.host_f32(concat(kPrefix, "pe_layer.positional_encoding_gaussian_matrix"),
                              {2, width_ / 2});
  point_embeddings_ = load_point_embeddings(loader, width_);
  padding_point_ = loader.host_f32(concat(kPrefix, "not_a_point_embed.weight"), {1, width_})[0];
  no_mask_ = loader.f32(concat(kPrefix, "no_mask_embed.weight"), {1, width_})[0];
  const std::string down = concat(kPrefix, "mask_downscaling.");
  conv1_ = load_conv(loader, down + "0.", {channels / 4, 1, 2, 2}, channels / 4);
  norm1_ = load_norm(loader, down + "1.", channels / 4, 1e-6f);
  conv2_ = load_conv(loader, down + "3.", {channels, channels / 4, 2, 2}, channels);
  norm2_ = load_norm(loader, down + "4.", channels, 1e-6f);
  conv3_ = load_conv1x1(loader, down + "6.", channels, width_);

  const int64_t grid = config.grid();
  Tensor positions = Tensor::empty(cpu_heap(), {grid * grid, width_});
  float* out = positions.data<float>();
  for (int64_t row = 0; row < grid; ++row)
    for (int64_t column = 0; column < grid; ++column, out += width_)
      encode((static_cast<float>(column) + 0.5f) / static_cast<float>(grid),
             (static_cast<float>(row) + 0.5f) / static_cast<float>(grid), out);
  image_positions_ = loader.place(positions);
}

void PromptEncoder::encode(float u, float v, float* out) const {
  const int64_t half = width_ / 2;
  const float* g = gaussian_.data<float>();
  const float x = 2.0f * u - 1.0f, y = 2.0f * v - 1.0f;
  for (int64_t i = 0; i < half; ++i) {
    const float angle = static_cast<float>(2.0 * std::numbers::pi) * (x * g[i] + y * g[half + i]);
    out[i] = std::sin(angle);
    out[half + i] = std::cos(angle);
  }
}

Tensor PromptEncoder::sparse(Context& context, std::span<const ModelPoint> points) const {
  Tensor tokens = Tensor::empty(cpu_heap(), {static_cast<int64_t>(points.size()) + 1, width_});
  float* out = tokens.data<float>();
  for (const ModelPoint& point : points) {
    if (point.label == -1) {
      std::copy_n(padding_point_.data<float>(), width_, out);
    } else {
      const auto side = static_cast<float>(image_size_);
      encode((point.x + 0.5f) / side, (point.y + 0.5f) / side, out);
      if (point.label >= 0 && point.label < 4) {
        const float* embedding = point_embeddings_.data<float>() + point.label * width_;
        for (int64_t i = 0; i < width_; ++i) out[i] += embedding[i];
      }
    }
    out += width_;
  }
  std::copy_n(padding_point_.data<float>(), width_, out);
  return context.to_device(tokens);
}

Tensor PromptEncoder::dense(Context& context, const Tensor& logits) const {
  const int64_t batch = logits.dim(0), side = logits.dim(1);
  Tensor x = logits.reshape({batch, side, side, 1});
  x = conv_norm_gelu(context, x, conv1_, 2, 0, norm1_);
  x = conv_norm_gelu(context, x, conv2_, 2, 0, norm2_);
  return conv3_(context, x).reshape({batch, side * side / 16, width_});
}

}  // namespace vmolmo::sam2
