#include "native/ops/resize.h"

#include <algorithm>

#include "native/kernels/cpu/loops.h"
#include "native/kernels/cuda/resize.h"
#include "native/ops/checks.h"
#include "native/ops/on_cuda.h"
#include "native/ops/resize_device.h"
#include "native/ops/resize_taps.h"

// Every resize here is a table of taps per axis, made once per call, and one or two passes over it.
namespace vmolmo::ops {
namespace {

void check_size(int64_t out_h, int64_t out_w, const char* op) {
  require(out_h > 0 && out_w > 0, Code::kInvalidArgument, op, ": the size ", out_w, "x", out_h,
          " is empty.");
}

template <typename Value>
cpu::Taps<Value> view(const AxisTaps<Value>& taps) {
  return {taps.first.data(), taps.count.data(), taps.offset.data(), taps.weights.data()};
}

void resample(const float* row, const AxisTaps<float>& taps, int64_t pixels, int64_t c,
              float* out) {
  cpu::loops().resample(row, view(taps), pixels, c, out);
}
void resample(const uint8_t* row, const AxisTaps<float>& taps, int64_t pixels, int64_t c,
              float* out) {
  cpu::loops().resample_bytes(row, view(taps), pixels, c, out);
}
void widen(const float* row, int64_t n, float* out) { std::copy_n(row, n, out); }
void widen(const uint8_t* row, int64_t n, float* out) { cpu::loops().bytes_to_unit(row, out, n); }

// Width first, then height, as the reference does; the intermediate is f32 [in_h, out_w, C].
template <typename Sample>
Tensor resize_triangle(Context& context, const Sample* data, int64_t in_h, int64_t in_w,
                       int64_t channels, int64_t row_stride, int64_t out_h, int64_t out_w) {
  Tensor wide = context.empty({in_h, out_w, channels});
  const int64_t row = out_w * channels;
  const auto across = in_w == out_w ? AxisTaps<float>{} : triangle_taps(in_w, out_w);
  context.threads().parallel_for(in_h, 1 + 16384 / (row + 1), [&](int64_t begin, int64_t end) {
    for (int64_t y = begin; y < end; ++y) {
      const Sample* source = data + y * row_stride;
      float* target = wide.data<float>() + y * row;
      if (in_w == out_w) {
        widen(source, row, target);
      } else {
        resample(source, across, out_w, channels, target);
      }
    }
  });
  if (in_h == out_h) return wide;
  const auto down = triangle_taps(in_h, out_h);
  Tensor result = context.empty({out_h, out_w, channels});
  context.threads().parallel_for(out_h, 1 + 16384 / (row + 1), [&](int64_t begin, int64_t end) {
    for (int64_t y = begin; y < end; ++y) {
      float* target = result.data<float>() + y * row;
      std::fill_n(target, row, 0.0f);
      for (int64_t t = 0; t < down.count[y]; ++t) {
        const float weight = down.weights[size_t(down.offset[y] + t)];
        const float* source = wide.data<float>() + (down.first[y] + t) * row;
        cpu::loops().add(target, source, weight, target, row);
      }
    }
  });
  return result;
}

void check_image(const ImageView& image, const char* op) {
  require(image.data != nullptr && image.width > 0 && image.height > 0 && image.channels > 0 &&
              image.stride >= image.width * image.channels,
          Code::kInvalidArgument, op, ": the image ", image.width, "x", image.height, "x",
          image.channels, " with rows of ", image.stride, " bytes is not valid.");
}

}  // namespace

Tensor resize_antialias(Context& context, const Tensor& x, int64_t out_h, int64_t out_w) {
  require_rank(x, 3, "resize_antialias");
  check_size(out_h, out_w, "resize_antialias");
  const Tensor input = dense_f32(context, x, "resize_antialias");
  require(input.numel() > 0, Code::kInvalidArgument, "resize_antialias: the image is empty.");
  ON_CUDA(context) return resize_antialias_on_device(context, input, out_h, out_w);
  return resize_triangle(context, input.data<float>(), x.dim(0), x.dim(1), x.dim(2),
                         x.dim(1) * x.dim(2), out_h, out_w);
}

Tensor resize_antialias(Context& context, const ImageView& image, int64_t out_h, int64_t out_w) {
  check_image(image, "resize_antialias");
  check_size(out_h, out_w, "resize_antialias");
  ON_CUDA(context) return resize_antialias_on_device(context, image, out_h, out_w);
  return resize_triangle(context, image.data, image.height, image.width, image.channels,
                         image.stride, out_h, out_w);
}

Tensor resize_bilinear(Context& context, const Tensor& x, int64_t out_h, int64_t out_w) {
  require_rank(x, 4, "resize_bilinear");
  check_size(out_h, out_w, "resize_bilinear");
  const Tensor input = dense_f32(context, x, "resize_bilinear");
  require(input.numel() > 0, Code::kInvalidArgument, "resize_bilinear: the input is empty.");
  const int64_t h = x.dim(1), w = x.dim(2), c = x.dim(3);
  ON_CUDA(context) {
    Tensor resized = context.empty({x.dim(0), out_h, out_w, c});
    cuda::resize_bilinear(stream(context), on_device<float>(input), on_device<float>(resized),
                          x.dim(0), h, w, c, out_h, out_w);
    return resized;
  }
  const LinearAxis rows = linear_taps(h, out_h), columns = linear_taps(w, out_w);
  const cpu::LinearTaps across{columns.low.data(), columns.high.data(), columns.weight.data()};
  Tensor result = context.empty({x.dim(0), out_h, out_w, c});
  context.threads().parallel_for(
      x.dim(0) * out_h, 1 + 8192 / (out_w * c), [&](int64_t begin, int64_t end) {
        for (int64_t row = begin; row < end; ++row) {
          const auto y = static_cast<size_t>(row % out_h);
          const float* image = input.data<float>() + row / out_h * h * w * c;
          cpu::loops().bilinear(image + rows.low[y] * w * c, image + rows.high[y] * w * c,
                                rows.weight[y], across, out_w, c,
                                result.data<float>() + row * out_w * c);
        }
      });
  return result;
}

Tensor upsample_nearest_2x(Context& context, const Tensor& x) {
  require_rank(x, 4, "upsample_nearest_2x");
  const Tensor input = dense_f32(context, x, "upsample_nearest_2x");
  const int64_t h = x.dim(1), w = x.dim(2), c = x.dim(3);
  Tensor result = context.empty({x.dim(0), 2 * h, 2 * w, c});
  ON_CUDA(context) {
    cuda::upsample_nearest_2x(stream(context), on_device<float>(input), on_device<float>(result),
                              x.dim(0), h, w, c);
    return result;
  }
  context.threads().parallel_for(x.dim(0) * h, 1 + 8192 / (w * c + 1),
                                 [&](int64_t begin, int64_t end) {
                                   for (int64_t row = begin; row < end; ++row) {
                                     const float* in = input.data<float>() + row * w * c;
                                     float* out = result.data<float>() + row * 4 * w * c;
                                     for (int64_t i = 0; i < w; ++i) {
                                       std::copy_n(in + i * c, c, out + 2 * i * c);
                                       std::copy_n(in + i * c, c, out + (2 * i + 1) * c);
                                     }
                                     std::copy_n(out, 2 * w * c, out + 2 * w * c);
                                   }
                                 });
  return result;
}

Tensor resize_bicubic(Context& context, const Tensor& x, int64_t out_h, int64_t out_w) {
  require_rank(x, 3, "resize_bicubic");
  check_size(out_h, out_w, "resize_bicubic");
  const Tensor input = dense_f32(context, x, "resize_bicubic");
  require(input.numel() > 0, Code::kInvalidArgument, "resize_bicubic: the input is empty.");
  const int64_t w = x.dim(1), c = x.dim(2);
  ON_CUDA(context) {
    Tensor resized = context.empty({out_h, out_w, c});
    cuda::resize_bicubic(stream(context), on_device<float>(input), on_device<float>(resized),
                         x.dim(0), w, c, out_h, out_w);
    return resized;
  }
  const auto rows = cubic_taps(x.dim(0), out_h);
  const auto columns = cubic_taps(w, out_w);
  Tensor result = context.empty({out_h, out_w, c});
  context.threads().parallel_for(out_h, 1 + 2048 / (out_w * c), [&](int64_t begin, int64_t end) {
    for (int64_t y = begin; y < end; ++y) {
      const cpu::CubicTap& tap = rows[size_t(y)];
      const float* lines[4];
      for (int j = 0; j < 4; ++j) lines[j] = input.data<float>() + tap.index[j] * w * c;
      cpu::loops().bicubic(lines, tap.weight, columns.data(), out_w, c,
                           result.data<float>() + y * out_w * c);
    }
  });
  return result;
}

Tensor resize_pillow_bicubic(Context& context, const ImageView& image, int64_t out_h,
                             int64_t out_w) {
  check_image(image, "resize_pillow_bicubic");
  check_size(out_h, out_w, "resize_pillow_bicubic");
  ON_CUDA(context) return resize_pillow_on_device(context, image, out_h, out_w);
  const int64_t c = image.channels, row = out_w * c;
  const bool narrow = image.width != out_w;
  const auto across = narrow ? pillow_taps(image.width, out_w) : AxisTaps<int32_t>{};
  Tensor wide = context.empty({image.height, out_w, c}, DType::kU8);
  context.threads().parallel_for(image.height, 1 + 8192 / row, [&](int64_t begin, int64_t end) {
    for (int64_t y = begin; y < end; ++y) {
      const uint8_t* in = image.data + y * image.stride;
      uint8_t* out = wide.data<uint8_t>() + y * row;
      if (!narrow) {
        std::copy_n(in, row, out);
        continue;
      }
      cpu::loops().resample_fixed(in, view(across), kPillowBits, out_w, c, out);
    }
  });
  if (image.height == out_h) return wide;
  const auto down = pillow_taps(image.height, out_h);
  Tensor result = context.empty({out_h, out_w, c}, DType::kU8);
  context.threads().parallel_for(out_h, 1 + 8192 / row, [&](int64_t begin, int64_t end) {
    std::vector<int32_t> sums(static_cast<size_t>(row));
    for (int64_t y = begin; y < end; ++y) {
      std::fill(sums.begin(), sums.end(), 1 << (kPillowBits - 1));
      for (int64_t t = 0; t < down.count[y]; ++t) {
        const int32_t weight = down.weights[size_t(down.offset[y] + t)];
        const uint8_t* in = wide.data<uint8_t>() + (down.first[y] + t) * row;
        cpu::loops().add_bytes(in, weight, sums.data(), row);
      }
      cpu::loops().round_fixed(sums.data(), kPillowBits, result.data<uint8_t>() + y * row, row);
    }
  });
  return result;
}

}  // namespace vmolmo::ops
