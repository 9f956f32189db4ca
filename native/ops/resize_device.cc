#include "native/ops/resize_device.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "native/kernels/cuda/preprocess.h"
#include "native/ops/copy.h"
#include "native/ops/on_cuda.h"
#include "native/ops/resize_taps.h"

namespace vmolmo::ops {
namespace {

// first, count, offset and then the weights, as words.
template <typename Value>
Tensor packed(const AxisTaps<Value>& taps) {
  static_assert(sizeof(Value) == 4);
  std::vector<int32_t> words;
  words.reserve(3 * taps.first.size() + taps.weights.size());
  for (const auto* part : {&taps.first, &taps.count, &taps.offset}) {
    for (const int64_t value : *part) words.push_back(static_cast<int32_t>(value));
  }
  for (const Value weight : taps.weights) words.push_back(std::bit_cast<int32_t>(weight));
  return Tensor::from(words, {static_cast<int64_t>(words.size())});
}

// The tables depend on the two lengths alone and stay on the device.
Tensor triangle_table(Context& context, int64_t in, int64_t out) {
  return context.table(concat("triangle ", in, " ", out),
                       [&] { return packed(triangle_taps(in, out)); });
}
Tensor pillow_table(Context& context, int64_t in, int64_t out) {
  return context.table(concat("pillow ", in, " ", out),
                       [&] { return packed(pillow_taps(in, out)); });
}

template <typename Value>
cuda::Taps<Value> taps_of(const Tensor& table, int64_t out) {
  const int32_t* words = on_device<int32_t>(table);
  return {words, words + out, words + 2 * out, reinterpret_cast<const Value*>(words + 3 * out)};
}
// None where the axis keeps its length.
cuda::Taps<float> triangle_taps_of(Context& context, int64_t in, int64_t out) {
  return in == out ? cuda::Taps<float>{} : taps_of<float>(triangle_table(context, in, out), out);
}
cuda::Taps<int32_t> pillow_taps_of(Context& context, int64_t in, int64_t out) {
  return in == out ? cuda::Taps<int32_t>{} : taps_of<int32_t>(pillow_table(context, in, out), out);
}

// x [in_h, out_w, c] -> [out_h, out_w, c].
Tensor resize_down(Context& context, const Tensor& x, int64_t out_h) {
  const int64_t in_h = x.dim(0), row = x.dim(1) * x.dim(2);
  if (in_h == out_h) return x;
  const Tensor table = triangle_table(context, in_h, out_h);
  Tensor y = context.empty({out_h, x.dim(1), x.dim(2)});
  cuda::resize_axis(stream(context), on_device<float>(x), in_h * row, on_device<float>(y),
                    taps_of<float>(table, out_h), 1, out_h, row);
  return y;
}

}  // namespace

Tensor image_on_device(Context& context, const ImageView& image) {
  const int64_t row = image.width * image.channels;
  if (image.stride == row) {
    return Tensor::borrow(image.data, {image.height, row}, DType::kU8).clone(context.memory());
  }
  Tensor rows = Tensor::empty(cpu_heap(), {image.height, row}, DType::kU8);
  for (int64_t y = 0; y < image.height; ++y) {
    std::memcpy(rows.data<uint8_t>() + y * row, image.data + y * image.stride,
                static_cast<size_t>(row));
  }
  return context.to_device(rows);
}

Tensor resize_antialias_on_device(Context& context, const Tensor& x, int64_t out_h, int64_t out_w) {
  const int64_t in_h = x.dim(0), in_w = x.dim(1), c = x.dim(2);
  if (in_w == out_w && in_h == out_h) return dense_copy(context, x);
  if (in_w == out_w) return resize_down(context, x, out_h);
  const Tensor table = triangle_table(context, in_w, out_w);
  Tensor wide = context.empty({in_h, out_w, c});
  cuda::resize_axis(stream(context), on_device<float>(x), in_w * c, on_device<float>(wide),
                    taps_of<float>(table, out_w), in_h, out_w, c);
  return resize_down(context, wide, out_h);
}

namespace {

// The pass across: the picture's bytes on the device -> [height, out_w, channels].
Tensor triangle_across(Context& context, const ImageView& image, const Tensor& bytes,
                       int64_t out_w) {
  const int64_t c = image.channels;
  Tensor wide = context.empty({image.height, out_w, c});
  cuda::resize_axis_bytes(stream(context), on_device<uint8_t>(bytes), image.width * c,
                          on_device<float>(wide), triangle_taps_of(context, image.width, out_w),
                          image.height, out_w, c);
  return wide;
}
Tensor pillow_across(Context& context, const ImageView& image, const Tensor& bytes, int64_t out_w) {
  if (image.width == out_w) return bytes;
  const int64_t c = image.channels;
  Tensor wide = context.empty({image.height, out_w * c}, DType::kU8);
  cuda::resize_axis_pillow(stream(context), on_device<uint8_t>(bytes), image.width * c,
                           on_device<uint8_t>(wide), pillow_taps_of(context, image.width, out_w),
                           image.height, out_w, c);
  return wide;
}

cuda::CropCut for_device(const ScaledCut& each) {
  const CropCut& cut = each.cut;
  cuda::CropCut out{each.scaled_h, each.scaled_w, cut.top,  cut.left, cut.rows,
                    cut.columns,   cut.step,      cut.grid, cut.patch};
  std::ranges::copy(cut.mean, out.mean);
  std::ranges::copy(cut.std, out.std);
  return out;
}

}  // namespace

Tensor resize_antialias_on_device(Context& context, const ImageView& image, int64_t out_h,
                                  int64_t out_w) {
  const Tensor bytes = image_on_device(context, image);
  return resize_down(context, triangle_across(context, image, bytes, out_w), out_h);
}

Tensor resize_pillow_on_device(Context& context, const ImageView& image, int64_t out_h,
                               int64_t out_w) {
  const int64_t c = image.channels, row = out_w * c;
  const Tensor wide = pillow_across(context, image, image_on_device(context, image), out_w);
  if (image.height == out_h) return wide.reshape({out_h, out_w, c});
  Tensor y = context.empty({out_h, out_w, c}, DType::kU8);
  cuda::resize_axis_pillow(stream(context), on_device<uint8_t>(wide), image.height * row,
                           on_device<uint8_t>(y), pillow_taps_of(context, image.height, out_h), 1,
                           out_h, row);
  return y;
}

Tensor resize_normalized_on_device(Context& context, const ImageView& image, int64_t out_h,
                                   int64_t out_w, ResizeFilter filter,
                                   const std::array<float, 3>& mean,
                                   const std::array<float, 3>& std) {
  const Tensor bytes = image_on_device(context, image);
  Tensor y = context.empty({out_h, out_w, image.channels});
  cuda::Normalization normalization;
  std::ranges::copy(mean, normalization.mean);
  std::ranges::copy(std, normalization.std);
  if (filter == ResizeFilter::kTriangle) {
    const Tensor wide = triangle_across(context, image, bytes, out_w);
    cuda::resize_down_normalized(stream(context), on_device<float>(wide),
                                 triangle_taps_of(context, image.height, out_h),
                                 on_device<float>(y), out_h, out_w, normalization);
  } else {
    const Tensor wide = pillow_across(context, image, bytes, out_w);
    cuda::resize_down_normalized(stream(context), on_device<uint8_t>(wide),
                                 pillow_taps_of(context, image.height, out_h), on_device<float>(y),
                                 out_h, out_w, normalization);
  }
  return y;
}

void resize_and_cut_on_device(Context& context, const ImageView& image,
                              std::span<const ScaledCut> cuts) {
  const Tensor bytes = image_on_device(context, image);
  for (const ScaledCut& each : cuts) {
    const Tensor wide = triangle_across(context, image, bytes, each.scaled_w);
    cuda::resize_down_cut(stream(context), on_device<float>(wide),
                          triangle_taps_of(context, image.height, each.scaled_h),
                          on_device<float>(each.crops), for_device(each));
  }
}

}  // namespace vmolmo::ops
