#include "native/ops/conv.h"

#include <algorithm>

#include "native/kernels/cpu/reference.h"
#include "native/ops/checks.h"

namespace vmolmo::ops {
namespace {

reference::ConvShape conv_shape(const Tensor& x, const Tensor& weight, int64_t stride,
                                int64_t padding, bool depthwise, const char* op) {
  require_rank(x, 4, op);
  require_rank(weight, 4, op);
  const int64_t in = x.dim(3);
  require(depthwise ? weight.dim(0) == in && weight.dim(1) == 1 : weight.dim(1) == in,
          Code::kInternal, op, ": the weight ", weight.shape(), " does not fit the input ",
          x.shape(), " (NHWC).");
  const reference::ConvShape shape{x.dim(0),      x.dim(1),      x.dim(2), in,     weight.dim(0),
                                   weight.dim(2), weight.dim(3), stride,   padding};
  require(stride > 0 && padding >= 0 && shape.height + 2 * padding >= shape.kernel_h &&
              shape.width + 2 * padding >= shape.kernel_w,
          Code::kInternal, op, ": the kernel ", weight.shape(), " is larger than the padded input ",
          x.shape(), ".");
  return shape;
}

}  // namespace

Tensor conv2d(Context& context, const Tensor& x, const Tensor& weight, const Tensor& bias,
              int64_t stride, int64_t padding, Activation activation) {
  const auto shape = conv_shape(x, weight, stride, padding, false, "conv2d");
  const Tensor input = dense_f32(context, x, "conv2d");
  const Tensor w = parameter_f32(context, weight, "conv2d");
  const Tensor b = vector_f32(context, bias, shape.out, "conv2d");
  Tensor y = context.empty({shape.batch, shape.out_height(), shape.out_width(), shape.out});
  reference::conv2d(input.data<float>(), w.data<float>(), data_or_null(b), y.data<float>(), shape);
  return activation == Activation::kNone ? y : activate(context, y, activation);
}

Tensor conv2d_depthwise(Context& context, const Tensor& x, const Tensor& weight, const Tensor& bias,
                        int64_t padding) {
  const auto shape = conv_shape(x, weight, 1, padding, true, "conv2d_depthwise");
  const Tensor input = dense_f32(context, x, "conv2d_depthwise");
  const Tensor w = parameter_f32(context, weight, "conv2d_depthwise");
  const Tensor b = vector_f32(context, bias, shape.out, "conv2d_depthwise");
  Tensor y = context.empty({shape.batch, shape.out_height(), shape.out_width(), shape.out});
  reference::conv2d_depthwise(input.data<float>(), w.data<float>(), data_or_null(b),
                              y.data<float>(), shape);
  return y;
}

Tensor conv_transpose_2x2(Context& context, const Tensor& x, const Tensor& weight,
                          const Tensor& bias) {
  require_rank(x, 4, "conv_transpose_2x2");
  require_rank(weight, 4, "conv_transpose_2x2");
  require(weight.dim(0) == x.dim(3) && weight.dim(2) == 2 && weight.dim(3) == 2, Code::kInternal,
          "conv_transpose_2x2: the weight ", weight.shape(), " does not fit the input ", x.shape(),
          " (NHWC).");
  const int64_t out = weight.dim(1);
  const Tensor input = dense_f32(context, x, "conv_transpose_2x2");
  const Tensor w = parameter_f32(context, weight, "conv_transpose_2x2");
  const Tensor b = vector_f32(context, bias, out, "conv_transpose_2x2");
  Tensor y = context.empty({x.dim(0), 2 * x.dim(1), 2 * x.dim(2), out});
  reference::conv_transpose_2x2(input.data<float>(), w.data<float>(), data_or_null(b),
                                y.data<float>(), x.dim(0), x.dim(1), x.dim(2), x.dim(3), out);
  return y;
}

Tensor max_pool_2x2(Context& context, const Tensor& x) {
  require_rank(x, 4, "max_pool_2x2");
  const int64_t h = x.dim(1), w = x.dim(2), c = x.dim(3);
  require(h % 2 == 0 && w % 2 == 0, Code::kInternal,
          "max_pool_2x2: height and width must be even; got ", x.shape(), ".");
  const Tensor input = dense_f32(context, x, "max_pool_2x2");
  Tensor y = context.empty({x.dim(0), h / 2, w / 2, c});
  const float* in = input.data<float>();
  float* out = y.data<float>();
  context.threads().parallel_for(
      x.dim(0) * (h / 2), 1 + 16384 / (w * c + 1), [&](int64_t begin, int64_t end) {
        for (int64_t row = begin; row < end; ++row) {
          const float* top = in + row * 2 * w * c;
          const float* bottom = top + w * c;
          float* target = out + row * (w / 2) * c;
          for (int64_t p = 0; p < w / 2; ++p, top += 2 * c, bottom += 2 * c, target += c) {
            for (int64_t i = 0; i < c; ++i) {
              target[i] =
                  std::max(std::max(top[i], top[c + i]), std::max(bottom[i], bottom[c + i]));
            }
          }
        }
      });
  return y;
}

}  // namespace vmolmo::ops
