#include "native/ops/preprocess.h"

#include "native/ops/checks.h"
#include "native/ops/on_cuda.h"
#include "native/ops/resize_device.h"

namespace vmolmo::ops {
namespace {

constexpr int64_t kChannels = 3;

void check_picture(const ImageView& image, const char* op) {
  require(image.data != nullptr && image.width > 0 && image.height > 0 &&
              image.channels == kChannels && image.stride >= image.width * image.channels,
          Code::kInvalidArgument, op, ": expected a picture of 3 channels; got ", image.width, "x",
          image.height, "x", image.channels, " with rows of ", image.stride, " bytes.");
}

}  // namespace

Tensor resize_normalized(Context& context, const ImageView& image, int64_t out_h, int64_t out_w,
                         ResizeFilter filter, const std::array<float, 3>& mean,
                         const std::array<float, 3>& std) {
  check_picture(image, "resize_normalized");
  require(out_h > 0 && out_w > 0, Code::kInvalidArgument, "resize_normalized: the size ", out_w,
          "x", out_h, " is empty.");
  ON_CUDA(context) {
    return resize_normalized_on_device(context, image, out_h, out_w, filter, mean, std);
  }
  return normalize(context,
                   filter == ResizeFilter::kTriangle
                       ? resize_antialias(context, image, out_h, out_w)
                       : resize_pillow_bicubic(context, image, out_h, out_w),
                   mean, std);
}

void resize_and_cut(Context& context, const ImageView& image, std::span<const ScaledCut> cuts) {
  check_picture(image, "resize_and_cut");
  for (const ScaledCut& each : cuts) {
    const CropCut& cut = each.cut;
    const Shape shape{cut.rows * cut.columns, cut.grid * cut.grid,
                      kChannels * cut.patch * cut.patch};
    require(each.scaled_h > 0 && each.scaled_w > 0 && each.crops.shape() == shape &&
                each.crops.is_contiguous(),
            Code::kInternal, "resize_and_cut: expected crops ", shape, "; got ", each.crops.shape(),
            " of a picture of ", each.scaled_w, " x ", each.scaled_h, ".");
  }
  ON_CUDA(context) return resize_and_cut_on_device(context, image, cuts);
  for (const ScaledCut& each : cuts) {
    const Tensor scaled = resize_antialias(context, image, each.scaled_h, each.scaled_w);
    cut_crops(context, scaled, each.cut, each.crops);
  }
}

}  // namespace vmolmo::ops
