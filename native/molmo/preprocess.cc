#include "native/molmo/preprocess.h"

#include <algorithm>

namespace vmolmo {
namespace {

constexpr int64_t kChannels = 3;

// (x - mean) / std per channel, in single precision.
struct Normalizer {
  std::array<float, 3> mean;
  std::array<float, 3> std;

  explicit Normalizer(const PreprocessConfig& config) : mean(config.mean), std(config.std) {}
  float operator()(float value, int64_t channel) const {
    return (value - mean[channel]) / std[channel];
  }
  std::array<float, 3> black() const {
    return {(*this)(0.0f, 0), (*this)(0.0f, 1), (*this)(0.0f, 2)};
  }
};

// Cuts square crops out of one canvas: the scaled picture, centred on black padding. The canvas is
// never built; every patch row reads from the picture or is padding.
class CropCutter {
 public:
  CropCutter(const MolmoConfig& config, const FitBox& box, const Tensor& scaled)
      : normalize_(config.preprocess),
        black_(normalize_.black()),
        box_(box),
        pixels_(scaled.data<float>()),
        patch_(config.vit.patch_size),
        grid_(config.vit.grid()) {}

  // Writes patch row `row` (grid patches) of the crop whose corner is (top, left) on the canvas.
  void write_patch_row(int64_t top, int64_t left, int64_t row, float* out) const {
    for (int64_t column = 0; column < grid_; ++column) {
      for (int64_t dy = 0; dy < patch_; ++dy) {
        write_line(top + row * patch_ + dy, left + column * patch_, out);
        out += patch_ * kChannels;
      }
    }
  }

 private:
  // `patch_` pixels of one canvas line, starting at canvas column `x`.
  void write_line(int64_t y, int64_t x, float* out) const {
    const int64_t source_y = y - box_.top;
    for (int64_t dx = 0; dx < patch_; ++dx) {
      const int64_t source_x = x + dx - box_.left;
      const bool inside =
          source_y >= 0 && source_y < box_.scaled_h && source_x >= 0 && source_x < box_.scaled_w;
      const float* pixel = pixels_ + (source_y * box_.scaled_w + source_x) * kChannels;
      for (int64_t c = 0; c < kChannels; ++c)
        *out++ = inside ? normalize_(std::clamp(pixel[c], 0.0f, 1.0f), c) : black_[c];
    }
  }

  Normalizer normalize_;
  std::array<float, 3> black_;
  FitBox box_;
  const float* pixels_;
  int64_t patch_;
  int64_t grid_;
};

int64_t patch_values(const MolmoConfig& config) {
  return config.vit.patch_size * config.vit.patch_size * kChannels;
}

// Fills crops [first_crop, first_crop + rows * columns) from one canvas tiled `rows` x `columns`.
void cut_canvas(Context& context, const MolmoConfig& config, const ops::ImageView& image,
                const FitBox& box, int64_t rows, int64_t columns, Tensor& crops,
                int64_t first_crop) {
  const Tensor scaled = ops::resize_antialias(context, image, box.scaled_h, box.scaled_w);
  const CropCutter cutter(config, box, scaled);
  const int64_t grid = config.vit.grid();
  const PreprocessConfig& pre = config.preprocess;
  const int64_t step = (grid - pre.margin_before - pre.margin_after) * config.vit.patch_size;
  const int64_t row_values = grid * patch_values(config);
  float* out = crops.data<float>() + first_crop * grid * row_values;
  context.threads().parallel_for(rows * columns * grid, 4, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t tile = i / grid;
      cutter.write_patch_row(tile / columns * step, tile % columns * step, i % grid,
                             out + i * row_values);
    }
  });
}

}  // namespace

Tensor make_crops(Context& context, const MolmoConfig& config, const ImageLayout& layout,
                  const ops::ImageView& image, bool all_crops) {
  const int64_t grid = config.vit.grid();
  const int64_t count = layout.single_tile() && !all_crops ? 1 : layout.crops;
  Tensor crops = context.empty({count, grid * grid, patch_values(config)});
  cut_canvas(context, config, image, layout.global, 1, 1, crops, 0);
  if (count > 1)
    cut_canvas(context, config, image, layout.high_res, layout.rows, layout.columns, crops, 1);
  return crops;
}

Tensor make_black_crop(Context& context, const MolmoConfig& config) {
  const int64_t patches = config.vit.grid() * config.vit.grid();
  Tensor crop = context.empty({1, patches, patch_values(config)});
  const std::array<float, 3> black = Normalizer(config.preprocess).black();
  float* out = crop.data<float>();
  for (int64_t i = 0; i < crop.numel(); ++i) out[i] = black[i % kChannels];
  return crop;
}

}  // namespace vmolmo
