#include "native/ops/conv.h"

#include <algorithm>

#include "native/kernels/cpu/conv.h"
#include "native/kernels/cpu/gemm.h"
#include "native/kernels/cpu/loops.h"
#include "native/kernels/cuda/conv.h"
#include "native/ops/activation.h"
#include "native/ops/checks.h"
#include "native/ops/conv_device.h"
#include "native/ops/elementwise.h"
#include "native/ops/norm.h"
#include "native/ops/on_cuda.h"

// Convolutions as matrix products over gathered patches (im2col), a few megabytes at a time; in
// NHWC one row of a patch is one run of memory.
namespace vmolmo::ops {
namespace {

constexpr int64_t kPatchFloats = int64_t{1} << 20;

using cpu::ConvShape;

ConvShape conv_shape(const Tensor& x, const Tensor& weight, int64_t stride, int64_t padding,
                     bool depthwise, const char* op) {
  require_rank(x, 4, op);
  require_rank(weight, 4, op);
  const int64_t in = x.dim(3);
  require(depthwise ? weight.dim(0) == in && weight.dim(1) == 1 : weight.dim(1) == in,
          Code::kInternal, op, ": the weight ", weight.shape(), " does not fit the input ",
          x.shape(), " (NHWC).");
  const ConvShape shape{x.dim(0),      x.dim(1),      x.dim(2), in,     weight.dim(0),
                        weight.dim(2), weight.dim(3), stride,   padding};
  require(stride > 0 && padding >= 0 && shape.height + 2 * padding >= shape.kernel_h &&
              shape.width + 2 * padding >= shape.kernel_w,
          Code::kInternal, op, ": the kernel ", weight.shape(), " is larger than the padded input ",
          x.shape(), ".");
  return shape;
}

DeviceConv for_device(Context& context, const Tensor& x, const Tensor& weight, const Tensor& bias,
                      const ConvShape& s, Activation activation, const char* op) {
  return {dense_f32(context, x, op),
          parameter_f32(context, weight, op),
          vector_f32(context, bias, s.out, op),
          {s.batch, s.height, s.width, s.in, s.out, s.kernel_h, s.kernel_w, s.stride, s.padding,
           s.out_height(), s.out_width()},
          activation};
}

// Patches of the output pixels [first, first + count).
void gather_patches(Context& context, const float* x, const ConvShape& s, int64_t first,
                    int64_t count, float* patches) {
  context.threads().parallel_for(count, 1 + 16384 / s.patch(), [&](int64_t begin, int64_t end) {
    cpu::gather_patches(x, s, first + begin, first + end, patches + begin * s.patch());
  });
}

}  // namespace

Tensor conv2d(Context& context, const Tensor& x, const Tensor& weight, const Tensor& bias,
              int64_t stride, int64_t padding, Activation activation) {
  const ConvShape shape = conv_shape(x, weight, stride, padding, false, "conv2d");
  ON_CUDA(context) {
    return conv2d_on_device(context,
                            for_device(context, x, weight, bias, shape, activation, "conv2d"));
  }
  const Tensor input = dense_f32(context, x, "conv2d");
  // [out, in, kh, kw] -> [out, kh, kw, in], the order of a patch.
  const Tensor w =
      dense_copy(context, parameter_f32(context, weight, "conv2d").transpose(1, 2).transpose(2, 3));
  const Tensor b = vector_f32(context, bias, shape.out, "conv2d");
  Tensor y = context.empty({shape.batch, shape.out_height(), shape.out_width(), shape.out});
  const int64_t pixels = shape.batch * shape.out_height() * shape.out_width();
  const bool direct = shape.kernel_h == 1 && shape.kernel_w == 1 && stride == 1 && padding == 0;
  const int64_t step =
      direct ? pixels : std::clamp<int64_t>(kPatchFloats / shape.patch(), 1, pixels);
  Tensor patches = direct ? input : context.empty({step, shape.patch()});
  cpu::Gemm call;
  call.x = patches.data<float>();
  call.w = w.raw();
  call.ldx = call.ldw = call.k = shape.patch();
  call.n = call.ldy = shape.out;
  call.bias = data_or_null(b);
  call.activation = activation;
  for (int64_t first = 0; first < pixels; first += step) {
    call.m = std::min(step, pixels - first);
    call.y = y.data<float>() + first * shape.out;
    if (!direct) {
      gather_patches(context, input.data<float>(), shape, first, call.m, patches.data<float>());
    }
    cpu::gemm(cpu::kernels(), context.threads(), context.memory(), call);
  }
  return y;
}

Tensor conv2d_add(Context& context, const Tensor& x, const Tensor& weight, const Tensor& bias,
                  int64_t stride, int64_t padding, const Tensor& residual) {
  const ConvShape shape = conv_shape(x, weight, stride, padding, false, "conv2d_add");
  const Shape result{shape.batch, shape.out_height(), shape.out_width(), shape.out};
  require(residual.shape() == result, Code::kInternal, "conv2d_add: expected a residual ", result,
          "; got ", residual.shape(), ".");
  ON_CUDA(context) {
    return conv2d_on_device(
        context, for_device(context, x, weight, bias, shape, Activation::kNone, "conv2d_add"),
        dense_f32(context, residual, "conv2d_add"));
  }
  Tensor y = conv2d(context, x, weight, bias, stride, padding);
  add_inplace(context, y, residual);
  return y;
}

Tensor conv2d_norm(Context& context, const Tensor& x, const Tensor& weight, const Tensor& bias,
                   int64_t stride, int64_t padding, const ChannelNorm& norm,
                   Activation activation) {
  const ConvShape shape = conv_shape(x, weight, stride, padding, false, "conv2d_norm");
  const ChannelNorm dense{vector_f32(context, norm.weight, shape.out, "conv2d_norm"),
                          vector_f32(context, norm.bias, shape.out, "conv2d_norm"), norm.eps};
  require(dense.weight && dense.bias, Code::kInternal,
          "conv2d_norm: expected the norm's weight and bias.");
  ON_CUDA(context) {
    return conv2d_norm_on_device(
        context, for_device(context, x, weight, bias, shape, activation, "conv2d_norm"), dense);
  }
  return channel_norm(context, conv2d(context, x, weight, bias, stride, padding), dense,
                      activation);
}

Tensor channel_norm(Context& context, const Tensor& x, const ChannelNorm& norm,
                    Activation activation) {
  ON_CUDA(context) {
    const Tensor input = dense_f32(context, x, "channel_norm");
    if (Tensor y = channel_norm_on_device(context, input, norm, activation)) return y;
  }
  const Tensor y = layer_norm(context, x, norm.weight, norm.bias, norm.eps);
  return activation == Activation::kNone ? y : activate(context, y, activation);
}

Tensor conv2d_depthwise(Context& context, const Tensor& x, const Tensor& weight, const Tensor& bias,
                        int64_t padding) {
  const ConvShape s = conv_shape(x, weight, 1, padding, true, "conv2d_depthwise");
  ON_CUDA(context) {
    return conv2d_depthwise_on_device(
        context, for_device(context, x, weight, bias, s, Activation::kNone, "conv2d_depthwise"));
  }
  const Tensor input = dense_f32(context, x, "conv2d_depthwise");
  // [c, kh * kw] -> [kh * kw, c]: channels lie in vector lanes.
  const Tensor w = dense_copy(context, parameter_f32(context, weight, "conv2d_depthwise")
                                           .reshape({s.in, s.kernel_h * s.kernel_w})
                                           .transpose(0, 1));
  const Tensor b = vector_f32(context, bias, s.out, "conv2d_depthwise");
  Tensor y = context.empty({s.batch, s.out_height(), s.out_width(), s.out});
  const int64_t rows = s.batch * s.out_height(), row = s.out_width() * s.out;
  const int64_t grain = 1 + 262144 / (row * s.kernel_h * s.kernel_w);
  context.threads().parallel_for(rows, grain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const float* image = input.data<float>() + i / s.out_height() * s.height * s.width * s.in;
      cpu::kernels().depthwise_row(image, s.height, s.width, s.in, w.data<float>(), s.kernel_h,
                                   s.kernel_w, padding, data_or_null(b), i % s.out_height(),
                                   s.out_width(), y.data<float>() + i * row);
    }
  });
  return y;
}

Tensor conv_transpose_2x2(Context& context, const Tensor& x, const Tensor& weight,
                          const Tensor& bias, const Tensor& skip, Activation activation) {
  require_rank(x, 4, "conv_transpose_2x2");
  require_rank(weight, 4, "conv_transpose_2x2");
  require(weight.dim(0) == x.dim(3) && weight.dim(2) == 2 && weight.dim(3) == 2, Code::kInternal,
          "conv_transpose_2x2: the weight ", weight.shape(), " does not fit the input ", x.shape(),
          " (NHWC).");
  const int64_t in = weight.dim(0), out = weight.dim(1);
  const int64_t rows = x.dim(0) * x.dim(1), width = x.dim(2);
  const Tensor input = dense_f32(context, x, "conv_transpose_2x2");
  const Shape result{x.dim(0), 2 * x.dim(1), 2 * width, out};
  require(
      !skip || skip.shape() == result || skip.shape() == Shape{1, result[1], result[2], result[3]},
      Code::kInternal, "conv_transpose_2x2: expected a skip like ", result, "; got ", skip.shape(),
      ".");
  ON_CUDA(context) {
    return conv_transpose_on_device(
        context, input, parameter_f32(context, weight, "conv_transpose_2x2"),
        vector_f32(context, bias, out, "conv_transpose_2x2"),
        skip ? dense_f32(context, skip, "conv_transpose_2x2") : skip, activation);
  }
  // [in, out, 2, 2] -> [2, 2, out, in]: one product gives every pixel its 2x2 block.
  const Tensor w = dense_copy(
      context,
      parameter_f32(context, weight, "conv_transpose_2x2").reshape({in, out, 4}).transpose(0, 2));
  const Tensor b = vector_f32(context, bias, out, "conv_transpose_2x2");
  Tensor four_biases = context.empty({4 * out});
  for (int64_t i = 0; b && i < 4; ++i) {
    std::copy_n(b.data<float>(), out, four_biases.data<float>() + i * out);
  }
  Tensor blocks = context.empty({rows, width, 2, 2 * out});
  cpu::Gemm call;
  call.x = input.data<float>();
  call.w = w.raw();
  call.ldx = call.ldw = call.k = in;
  call.y = blocks.data<float>();
  call.n = call.ldy = 4 * out;
  call.m = rows * width;
  call.bias = b ? four_biases.data<float>() : nullptr;
  cpu::gemm(cpu::kernels(), context.threads(), context.memory(), call);
  // [row, x, dy, (dx, out)] -> [row, dy, x, (dx, out)]
  Tensor y = context.empty(result);
  const int64_t run = 2 * out;
  context.threads().parallel_for(
      2 * rows, 1 + 16384 / (run * width + 1), [&](int64_t begin, int64_t end) {
        cpu::join_blocks(blocks.data<float>(), width, run, begin, end, y.data<float>());
      });
  if (skip) add_inplace(context, y, skip.dim(0) == 1 ? skip[0] : skip);
  return activation == Activation::kNone ? y : activate(context, y, activation);
}

Tensor max_pool_2x2(Context& context, const Tensor& x) {
  require_rank(x, 4, "max_pool_2x2");
  const int64_t h = x.dim(1), w = x.dim(2), c = x.dim(3);
  require(h % 2 == 0 && w % 2 == 0, Code::kInternal,
          "max_pool_2x2: height and width must be even; got ", x.shape(), ".");
  require_operand(context, x, "max_pool_2x2");
  const Tensor input = x.is_contiguous() ? x : dense_copy(context, x);
  Tensor y = context.empty({x.dim(0), h / 2, w / 2, c}, x.dtype());
  ON_CUDA(context) {
    with_elements(input, [&](auto* elements) {
      cuda::max_pool_2x2(stream(context), elements, elements_like(elements, y), x.dim(0), h, w, c);
    });
    return y;
  }
  const float* in = input.data<float>();
  float* out = y.data<float>();
  const int64_t rows = x.dim(0) * (h / 2), grain = 1 + 16384 / (w * c + 1);
  context.threads().parallel_for(rows, grain, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const float* top = in + row * 2 * w * c;
      cpu::loops().max_pool_row(top, top + w * c, w / 2, c, out + row * (w / 2) * c);
    }
  });
  return y;
}

}  // namespace vmolmo::ops
