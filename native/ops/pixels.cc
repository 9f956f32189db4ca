#include "native/ops/pixels.h"

#include <algorithm>

#include "native/kernels/cuda/pixels.h"
#include "native/ops/checks.h"
#include "native/ops/on_cuda.h"

namespace vmolmo::ops {
namespace {

constexpr int64_t kChannels = 3;

// Reads the lines of patches from the picture or its padding.
class CropCutter {
 public:
  CropCutter(const CropCut& cut, const Tensor& picture)
      : cut_(cut),
        height_(picture.dim(0)),
        width_(picture.dim(1)),
        pixels_(picture.data<float>()) {}

  // Writes patch row `row` (grid patches) of the crop whose corner is (top, left) on the canvas.
  void write_patch_row(int64_t top, int64_t left, int64_t row, float* out) const {
    for (int64_t column = 0; column < cut_.grid; ++column) {
      for (int64_t dy = 0; dy < cut_.patch; ++dy) {
        write_line(top + row * cut_.patch + dy, left + column * cut_.patch, out);
        out += cut_.patch * kChannels;
      }
    }
  }

 private:
  // `patch` pixels of one canvas line, starting at canvas column `x`.
  void write_line(int64_t y, int64_t x, float* out) const {
    const int64_t source_y = y - cut_.top;
    for (int64_t dx = 0; dx < cut_.patch; ++dx) {
      const int64_t source_x = x + dx - cut_.left;
      const bool inside = source_y >= 0 && source_y < height_ && source_x >= 0 && source_x < width_;
      const float* pixel = pixels_ + (source_y * width_ + source_x) * kChannels;
      for (size_t c = 0; c < kChannels; ++c) {
        const float value = inside ? std::clamp(pixel[c], 0.0f, 1.0f) : 0.0f;
        *out++ = (value - cut_.mean[c]) / cut_.std[c];
      }
    }
  }

  const CropCut& cut_;
  int64_t height_, width_;
  const float* pixels_;
};

cuda::CropCut for_device(const CropCut& cut, const Tensor& picture) {
  cuda::CropCut out{picture.dim(0), picture.dim(1), cut.top,  cut.left, cut.rows,
                    cut.columns,    cut.step,       cut.grid, cut.patch};
  std::copy(cut.mean.begin(), cut.mean.end(), out.mean);
  std::copy(cut.std.begin(), cut.std.end(), out.std);
  return out;
}

}  // namespace

Tensor normalize(Context& context, const Tensor& x, const std::array<float, 3>& mean,
                 const std::array<float, 3>& std) {
  const bool bytes = x.dtype() == DType::kU8;
  require((bytes || x.dtype() == DType::kF32) && x.rank() >= 1 && x.dim(-1) == kChannels &&
              x.is_contiguous(),
          Code::kInternal, "normalize: expected contiguous F32 or U8 [..., 3]; got ", x.dtype(),
          " ", x.shape(), ".");
  Tensor result = context.empty(x.shape());
  const int64_t pixels = x.numel() / kChannels;
  ON_CUDA(context) {
    if (bytes) {
      cuda::normalize_bytes(stream(context), on_device<uint8_t>(x), on_device<float>(result),
                            pixels, mean, std);
    } else {
      cuda::normalize(stream(context), on_device<float>(x), on_device<float>(result), pixels, mean,
                      std);
    }
    return result;
  }
  std::array<std::array<float, kChannels>, 256> table;
  for (size_t value = 0; bytes && value < table.size(); ++value)
    for (size_t c = 0; c < kChannels; ++c)
      table[value][c] = (static_cast<float>(static_cast<double>(value) / 255.0) - mean[c]) / std[c];
  float* out = result.data<float>();
  context.threads().parallel_for(pixels, 4096, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      for (size_t c = 0; c < kChannels; ++c) {
        const auto at = i * kChannels + static_cast<int64_t>(c);
        out[at] =
            bytes ? table[x.data<uint8_t>()[at]][c] : (x.data<float>()[at] - mean[c]) / std[c];
      }
    }
  });
  return result;
}

void cut_crops(Context& context, const Tensor& picture, const CropCut& cut, const Tensor& crops) {
  require_f32(picture, "cut_crops");
  const Shape shape{cut.rows * cut.columns, cut.grid * cut.grid, kChannels * cut.patch * cut.patch};
  require(picture.rank() == 3 && picture.is_contiguous() && crops.shape() == shape &&
              crops.is_contiguous(),
          Code::kInternal, "cut_crops: expected a picture and crops ", shape, "; got ",
          picture.shape(), " and ", crops.shape(), ".");
  ON_CUDA(context) {
    return cuda::cut_crops(stream(context), on_device<float>(picture), on_device<float>(crops),
                           for_device(cut, picture));
  }
  const CropCutter cutter(cut, picture);
  const int64_t row_values = cut.grid * shape[2];
  float* out = crops.data<float>();
  context.threads().parallel_for(shape[0] * cut.grid, 4, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t tile = i / cut.grid;
      cutter.write_patch_row(tile / cut.columns * cut.step, tile % cut.columns * cut.step,
                             i % cut.grid, out + i * row_values);
    }
  });
}

}  // namespace vmolmo::ops
