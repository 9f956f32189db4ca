#include "native/ops/pixels.h"

#include <algorithm>

#include "native/kernels/cpu/loops.h"
#include "native/kernels/cpu/pixels.h"
#include "native/kernels/cuda/pixels.h"
#include "native/ops/checks.h"
#include "native/ops/on_cuda.h"

namespace vmolmo::ops {
namespace {

constexpr int64_t kChannels = 3;

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
  const cpu::NormalizedBytes table =
      bytes ? cpu::normalized_bytes(mean, std) : cpu::NormalizedBytes{};
  context.threads().parallel_for(pixels, 4096, [&](int64_t begin, int64_t end) {
    float* out = result.data<float>() + begin * kChannels;
    const int64_t first = begin * kChannels, count = end - begin;
    if (bytes) return cpu::normalize_bytes(x.data<uint8_t>() + first, table, count, out);
    cpu::loops().normalize(x.data<float>() + first, mean.data(), std.data(), count, out);
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
  const cpu::CropCut call{picture.data<float>(),
                          picture.dim(0),
                          picture.dim(1),
                          cut.top,
                          cut.left,
                          cut.columns,
                          cut.step,
                          cut.grid,
                          cut.patch,
                          cut.mean,
                          cut.std};
  float* out = crops.data<float>();
  context.threads().parallel_for(shape[0] * cut.grid, 4, [&](int64_t begin, int64_t end) {
    cpu::cut_patch_rows(call, begin, end, out + begin * cut.grid * shape[2]);
  });
}

}  // namespace vmolmo::ops
