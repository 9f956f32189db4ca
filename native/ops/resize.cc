#include "native/ops/resize.h"

#include <algorithm>
#include <cmath>

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

float as_float(float value) { return value; }
float as_float(uint8_t value) { return static_cast<float>(value) / 255.0f; }

// One row of `out` pixels from one row of input pixels.
template <typename Sample>
void resize_row(const Sample* in, float* out, int64_t pixels, int64_t channels,
                const AxisTaps<float>& taps) {
  for (int64_t i = 0; i < pixels; ++i, out += channels) {
    const float* weight = taps.weights.data() + taps.offset[i];
    const Sample* source = in + taps.first[i] * channels;
    for (int64_t c = 0; c < channels; ++c) {
      float sum = 0.0f;
      for (int64_t t = 0; t < taps.count[i]; ++t)
        sum += weight[t] * as_float(source[t * channels + c]);
      out[c] = sum;
    }
  }
}

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
        std::transform(source, source + row, target, [](Sample s) { return as_float(s); });
      } else {
        resize_row(source, target, out_w, channels, across);
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
        for (int64_t i = 0; i < row; ++i) target[i] += weight * source[i];
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

// The two source samples and the weight of the second, for every output of an axis.
struct LinearTap {
  int64_t low, high;
  float weight;
};

std::vector<LinearTap> linear_taps(int64_t in, int64_t out) {
  std::vector<LinearTap> taps(static_cast<size_t>(out));
  const float scale = static_cast<float>(in) / static_cast<float>(out);
  for (int64_t i = 0; i < out; ++i) {
    const float source = std::max(scale * (static_cast<float>(i) + 0.5f) - 0.5f, 0.0f);
    const int64_t low = std::min<int64_t>(static_cast<int64_t>(source), in - 1);
    taps[size_t(i)] = {low, std::min(low + 1, in - 1), source - static_cast<float>(low)};
  }
  return taps;
}

struct CubicTap {
  int64_t index[4];
  float weight[4];
};

std::vector<CubicTap> cubic_taps(int64_t in, int64_t out) {
  constexpr float a = -0.75f;
  const auto near = [](float x) { return ((a + 2.0f) * x - (a + 3.0f)) * x * x + 1.0f; };
  const auto far = [](float x) { return ((a * x - 5.0f * a) * x + 8.0f * a) * x - 4.0f * a; };
  std::vector<CubicTap> taps(static_cast<size_t>(out));
  const float scale = static_cast<float>(in) / static_cast<float>(out);
  for (int64_t i = 0; i < out; ++i) {
    const float source = scale * (static_cast<float>(i) + 0.5f) - 0.5f;
    const float base = std::floor(source);
    const float t = source - base;
    CubicTap& tap = taps[size_t(i)];
    for (int64_t j = 0; j < 4; ++j) {
      tap.index[j] = std::clamp<int64_t>(static_cast<int64_t>(base) - 1 + j, 0, in - 1);
    }
    tap.weight[0] = far(t + 1.0f);
    tap.weight[1] = near(t);
    tap.weight[2] = near(1.0f - t);
    tap.weight[3] = far(2.0f - t);
  }
  return taps;
}

// Weighted sum of bytes `step` apart, in Pillow's fixed point.
uint8_t pillow_sample(const uint8_t* in, int64_t step, const int32_t* weight, int64_t count) {
  int32_t sum = 1 << (kPillowBits - 1);
  for (int64_t t = 0; t < count; ++t) sum += weight[t] * in[t * step];
  return static_cast<uint8_t>(std::clamp(sum >> kPillowBits, 0, 255));
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
  const auto rows = linear_taps(h, out_h);
  const auto columns = linear_taps(w, out_w);
  Tensor result = context.empty({x.dim(0), out_h, out_w, c});
  context.threads().parallel_for(
      x.dim(0) * out_h, 1 + 8192 / (out_w * c), [&](int64_t begin, int64_t end) {
        for (int64_t row = begin; row < end; ++row) {
          const LinearTap& ty = rows[size_t(row % out_h)];
          const float* top = input.data<float>() + (row / out_h * h + ty.low) * w * c;
          const float* bottom = input.data<float>() + (row / out_h * h + ty.high) * w * c;
          float* out = result.data<float>() + row * out_w * c;
          const float y1 = ty.weight, y0 = 1.0f - y1;
          for (const LinearTap& tx : columns) {
            const float x1 = tx.weight, x0 = 1.0f - x1;
            const int64_t left = tx.low * c, right = tx.high * c;
            for (int64_t i = 0; i < c; ++i) {
              *out++ = y0 * (x0 * top[left + i] + x1 * top[right + i]) +
                       y1 * (x0 * bottom[left + i] + x1 * bottom[right + i]);
            }
          }
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
      const CubicTap& ty = rows[size_t(y)];
      float* out = result.data<float>() + y * out_w * c;
      for (const CubicTap& tx : columns) {
        for (int64_t i = 0; i < c; ++i) {
          float sum = 0.0f;
          for (int j = 0; j < 4; ++j) {
            const float* line = input.data<float>() + ty.index[j] * w * c + i;
            float across = 0.0f;
            for (int k = 0; k < 4; ++k) across += tx.weight[k] * line[tx.index[k] * c];
            sum += ty.weight[j] * across;
          }
          *out++ = sum;
        }
      }
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
      for (int64_t i = 0; i < out_w; ++i) {
        for (int64_t channel = 0; channel < c; ++channel) {
          *out++ = pillow_sample(in + across.first[i] * c + channel, c,
                                 across.weights.data() + across.offset[i], across.count[i]);
        }
      }
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
        for (int64_t i = 0; i < row; ++i) sums[size_t(i)] += weight * in[i];
      }
      uint8_t* out = result.data<uint8_t>() + y * row;
      for (int64_t i = 0; i < row; ++i) {
        out[i] = static_cast<uint8_t>(std::clamp(sums[size_t(i)] >> kPillowBits, 0, 255));
      }
    }
  });
  return result;
}

}  // namespace vmolmo::ops
