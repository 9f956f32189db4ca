#include "native/molmo/preprocess.h"

#include "native/ops/preprocess.h"

namespace vmolmo {
namespace {

constexpr int64_t kChannels = 3;

int64_t patch_values(const MolmoConfig& config) {
  return config.vit.patch_size * config.vit.patch_size * kChannels;
}

// `crops` [rows * columns, ...] from one canvas tiled `rows` x `columns`: the scaled picture,
// centred on black padding.
ops::ScaledCut canvas_cut(const MolmoConfig& config, const FitBox& box, int64_t rows,
                          int64_t columns, const Tensor& crops) {
  const PreprocessConfig& pre = config.preprocess;
  ops::CropCut cut;
  cut.top = box.top;
  cut.left = box.left;
  cut.rows = rows;
  cut.columns = columns;
  cut.grid = config.vit.grid();
  cut.patch = config.vit.patch_size;
  cut.step = (cut.grid - pre.margin_before - pre.margin_after) * cut.patch;
  cut.mean = pre.mean;
  cut.std = pre.std;
  return {box.scaled_h, box.scaled_w, cut, crops};
}

}  // namespace

int64_t distinct_crops(const ImageLayout& layout) {
  return layout.single_tile() ? 1 : layout.crops;
}

Tensor make_crops(Context& context, const MolmoConfig& config, const ImageLayout& layout,
                  const ops::ImageView& image, bool all_crops) {
  const int64_t grid = config.vit.grid();
  const int64_t count = all_crops ? layout.crops : distinct_crops(layout);
  Tensor crops = context.empty({count, grid * grid, patch_values(config)});
  std::vector<ops::ScaledCut> cuts{canvas_cut(config, layout.global, 1, 1, crops.slice(0, 0, 1))};
  if (count > 1) {
    cuts.push_back(
        canvas_cut(config, layout.high_res, layout.rows, layout.columns, crops.slice(0, 1, count)));
  }
  ops::resize_and_cut(context, image, cuts);
  return crops;
}

Tensor make_black_crop(Context& context, const MolmoConfig& config) {
  const int64_t patches = config.vit.grid() * config.vit.grid();
  const Tensor black = context.zeros({patches * patch_values(config) / kChannels, kChannels});
  return ops::normalize(context, black, config.preprocess.mean, config.preprocess.std)
      .reshape({1, patches, patch_values(config)});
}

}  // namespace vmolmo
