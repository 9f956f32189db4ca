#include "native/molmo/image_layout.h"

#include <algorithm>
#include <cmath>

#include "videomolmo/status.h"

namespace vmolmo {
namespace {

constexpr int64_t kMaxSide = 65536;

// Pooled cells of one axis that are inserted: for every tile the first kept cell, the number of
// kept cells and where they start in the grid of the whole canvas.
struct KeptCells {
  int64_t first = 0;
  int64_t count = 0;
  int64_t offset = 0;
};

int64_t kept_count(const MolmoConfig& config, int64_t tile, int64_t tiles) {
  const PreprocessConfig& pre = config.preprocess;
  int64_t patches = config.vit.grid() - pre.margin_before - pre.margin_after;
  if (tile == 0) patches += pre.margin_before;
  if (tile == tiles - 1) patches += pre.margin_after;
  return (patches + 1) / 2;
}

std::vector<KeptCells> kept_cells(const MolmoConfig& config, int64_t tiles) {
  const PreprocessConfig& pre = config.preprocess;
  std::vector<KeptCells> kept;
  int64_t offset = 0;
  for (int64_t i = 0; i < tiles; ++i) {
    const int64_t count = kept_count(config, i, tiles);
    kept.push_back({i == 0 ? 0 : pre.margin_before / 2, count, offset});
    offset += count;
  }
  return kept;
}

int64_t grid_cells(const std::vector<KeptCells>& kept) {
  return kept.back().offset + kept.back().count;
}

// The same of an axis without its tiles: those between the first and the last are alike.
int64_t grid_cells(const MolmoConfig& config, int64_t tiles) {
  const int64_t first = kept_count(config, 0, tiles);
  if (tiles == 1) return first;
  return first + (tiles - 2) * kept_count(config, 1, tiles) + kept_count(config, tiles - 1, tiles);
}

void append_tokens(const MolmoConfig& config, int64_t rows, int64_t columns,
                   std::vector<int32_t>& tokens) {
  tokens.push_back(config.tokens.start);
  for (int64_t y = 0; y < rows; ++y) {
    tokens.insert(tokens.end(), static_cast<size_t>(columns), config.tokens.patch);
    if (config.preprocess.use_col_tokens) tokens.push_back(config.tokens.col);
  }
  tokens.push_back(config.tokens.end);
}

void place_tokens(const MolmoConfig& config, ImageLayout& layout) {
  const int64_t side = (config.vit.grid() + 1) / 2;
  const int64_t col = config.preprocess.use_col_tokens ? 1 : 0;
  const auto kept_y = kept_cells(config, layout.rows);
  const auto kept_x = kept_cells(config, layout.columns);
  append_tokens(config, side, side, layout.tokens);
  const int64_t high_res_start = static_cast<int64_t>(layout.tokens.size()) + 1;
  append_tokens(config, grid_cells(kept_y), grid_cells(kept_x), layout.tokens);

  layout.cells = side * side;
  layout.cell_position.assign(static_cast<size_t>(layout.crops * layout.cells),
                              ImageLayout::kNotInserted);
  for (int64_t y = 0; y < side; ++y)
    for (int64_t x = 0; x < side; ++x)
      layout.cell_position[y * side + x] = static_cast<int32_t>(1 + y * (side + col) + x);

  const int64_t row_tokens = grid_cells(kept_x) + col;
  for (int64_t i = 0; i < layout.rows; ++i) {
    for (int64_t j = 0; j < layout.columns; ++j) {
      int32_t* crop = &layout.cell_position[(1 + i * layout.columns + j) * layout.cells];
      for (int64_t y = 0; y < kept_y[i].count; ++y) {
        for (int64_t x = 0; x < kept_x[j].count; ++x) {
          const int64_t cell = (kept_y[i].first + y) * side + kept_x[j].first + x;
          crop[cell] = static_cast<int32_t>(high_res_start + (kept_y[i].offset + y) * row_tokens +
                                            kept_x[j].offset + x);
        }
      }
    }
  }
}

// Length of the overlap of [a, a + length) with the image's extent [begin, end).
int64_t overlap(int64_t a, int64_t length, int64_t begin, int64_t end) {
  return std::max<int64_t>(0, std::min(a + length, end) - std::max(a, begin));
}

// The mean of the padding mask over each patch of each high-resolution crop, then one row of -1.
void place_masks(const MolmoConfig& config, ImageLayout& layout) {
  const int64_t grid = config.vit.grid();
  const int64_t patch = config.vit.patch_size;
  const int64_t window = grid - config.preprocess.margin_before - config.preprocess.margin_after;
  const FitBox& box = layout.high_res;
  layout.masks.assign(static_cast<size_t>(layout.crops * grid * grid), -1.0f);
  for (int64_t crop = 0; crop + 1 < layout.crops; ++crop) {
    const int64_t top = crop / layout.columns * window * patch;
    const int64_t left = crop % layout.columns * window * patch;
    for (int64_t y = 0; y < grid; ++y) {
      const int64_t covered_y = overlap(top + y * patch, patch, box.top, box.top + box.scaled_h);
      for (int64_t x = 0; x < grid; ++x) {
        const int64_t covered_x =
            overlap(left + x * patch, patch, box.left, box.left + box.scaled_w);
        layout.masks[(crop * grid + y) * grid + x] =
            static_cast<float>(covered_y * covered_x) / static_cast<float>(patch * patch);
      }
    }
  }
}

}  // namespace

ImageSize image_size(const MolmoConfig& config, const Tiling& tiling) {
  const int64_t side = (config.vit.grid() + 1) / 2;
  const int64_t col = config.preprocess.use_col_tokens ? 1 : 0;
  // A start, an end, and a column token behind every row.
  const auto tokens = [&](int64_t rows, int64_t columns) { return 2 + rows * (columns + col); };
  return {tiling.rows * tiling.columns + 1,
          tokens(side, side) +
              tokens(grid_cells(config, tiling.rows), grid_cells(config, tiling.columns))};
}

FitBox fit_box(int64_t width, int64_t height, int64_t canvas_w, int64_t canvas_h) {
  // Single precision throughout: everyday sizes come out one pixel smaller than exact arithmetic
  // would have them, and the model was trained on those.
  const float scale_h = static_cast<float>(canvas_h) / static_cast<float>(height);
  const float scale_w = static_cast<float>(canvas_w) / static_cast<float>(width);
  const float scale = std::min(scale_h, scale_w);
  FitBox box;
  box.canvas_h = canvas_h;
  box.canvas_w = canvas_w;
  // The reference fails on a scaled side of 0; one row or column of pixels is the sensible result.
  box.scaled_h = std::max<int64_t>(1, static_cast<int64_t>(static_cast<float>(height) * scale));
  box.scaled_w = std::max<int64_t>(1, static_cast<int64_t>(static_cast<float>(width) * scale));
  box.top = (canvas_h - box.scaled_h) / 2;
  box.left = (canvas_w - box.scaled_w) / 2;
  return box;
}

Tiling select_tiling(const MolmoConfig& config, int64_t width, int64_t height) {
  const PreprocessConfig& pre = config.preprocess;
  const int64_t margins = (pre.margin_before + pre.margin_after) * config.vit.patch_size;
  const int64_t window = config.vit.image_size - margins;
  // Zero and negative lengths are meant: they select 1x1 or leave the choice to the other side.
  const float inner_h = static_cast<float>(height - margins);
  const float inner_w = static_cast<float>(width - margins);

  Tiling best;
  float best_ratio = 0.0f;
  bool found = false;
  for (int64_t count = 1; count <= pre.max_crops; ++count) {
    for (int64_t rows = 1; rows <= count; ++rows) {
      if (count % rows != 0) continue;
      const int64_t columns = count / rows;
      const float ratio = std::min(static_cast<float>(window * rows) / inner_h,
                                   static_cast<float>(window * columns) / inner_w);
      // Any ratio of at least 1 (nothing is shrunk) beats all smaller ones; among those at least 1
      // the smallest wins, among the others the largest. The earlier candidate wins ties.
      const bool better =
          !found || (best_ratio < 1.0f ? ratio > best_ratio : ratio >= 1.0f && ratio < best_ratio);
      if (!better) continue;
      found = true;
      best = {rows, columns};
      best_ratio = ratio;
    }
  }
  return best;
}

ImageLayout plan_image(const MolmoConfig& config, int64_t width, int64_t height) {
  require(width >= 1 && height >= 1 && width <= kMaxSide && height <= kMaxSide,
          Code::kInvalidArgument, "A frame must have sides of 1 to ", kMaxSide,
          " pixels; this one is ", width, "x", height, ".");
  const PreprocessConfig& pre = config.preprocess;
  const Tiling tiling = select_tiling(config, width, height);
  const int64_t margins = (pre.margin_before + pre.margin_after) * config.vit.patch_size;
  const int64_t window = config.vit.image_size - margins;

  ImageLayout layout;
  layout.width = width;
  layout.height = height;
  layout.rows = tiling.rows;
  layout.columns = tiling.columns;
  layout.crops = tiling.rows * tiling.columns + 1;
  layout.global = fit_box(width, height, config.vit.image_size, config.vit.image_size);
  layout.high_res =
      fit_box(width, height, window * tiling.columns + margins, window * tiling.rows + margins);
  place_tokens(config, layout);
  place_masks(config, layout);
  return layout;
}

}  // namespace vmolmo
