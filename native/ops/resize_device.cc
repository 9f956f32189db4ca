#include "native/ops/resize_device.h"

#include <bit>
#include <cstring>

#include "native/kernels/cuda/resize.h"
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

Tensor resize_antialias_on_device(Context& context, const ImageView& image, int64_t out_h,
                                  int64_t out_w) {
  const Tensor bytes = image_on_device(context, image);
  const int64_t c = image.channels;
  Tensor table;
  cuda::Taps<float> taps;
  if (image.width != out_w) {
    table = triangle_table(context, image.width, out_w);
    taps = taps_of<float>(table, out_w);
  }
  Tensor wide = context.empty({image.height, out_w, c});
  cuda::resize_axis_bytes(stream(context), on_device<uint8_t>(bytes), image.width * c,
                          on_device<float>(wide), taps, image.height, out_w, c);
  return resize_down(context, wide, out_h);
}

Tensor resize_pillow_on_device(Context& context, const ImageView& image, int64_t out_h,
                               int64_t out_w) {
  const int64_t c = image.channels, row = out_w * c;
  Tensor x = image_on_device(context, image);
  if (image.width != out_w) {
    const Tensor table = pillow_table(context, image.width, out_w);
    Tensor wide = context.empty({image.height, row}, DType::kU8);
    cuda::resize_axis_pillow(stream(context), on_device<uint8_t>(x), image.width * c,
                             on_device<uint8_t>(wide), taps_of<int32_t>(table, out_w), image.height,
                             out_w, c);
    x = wide;
  }
  if (image.height == out_h) return x.reshape({out_h, out_w, c});
  const Tensor table = pillow_table(context, image.height, out_h);
  Tensor y = context.empty({out_h, out_w, c}, DType::kU8);
  cuda::resize_axis_pillow(stream(context), on_device<uint8_t>(x), image.height * row,
                           on_device<uint8_t>(y), taps_of<int32_t>(table, out_h), 1, out_h, row);
  return y;
}

}  // namespace vmolmo::ops
