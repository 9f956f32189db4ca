#include "native/ops/conv_device.h"

#include <algorithm>

#include "native/kernels/cuda/channel_norm.h"
#include "native/kernels/cuda/conv_depthwise.h"
#include "native/kernels/cuda/conv_pack.h"
#include "native/kernels/cuda/conv_thin.h"
#include "native/kernels/cuda/gemm_tensor.h"
#include "native/kernels/cuda/round.h"
#include "native/ops/activation.h"
#include "native/ops/checks.h"
#include "native/ops/elementwise.h"
#include "native/ops/kernel_choice.h"
#include "native/ops/on_cuda.h"

namespace vmolmo::ops {
namespace {

// Of rounded pictures at a time: as much as stays in the cache until it is used.
constexpr int64_t kPackedBytes = int64_t{32} << 20;

Tensor empty_result(Context& context, const cuda::ConvShape& s) {
  return context.empty({s.batch, s.out_height, s.out_width, s.out});
}

ConvKernel choose(Context& context, const cuda::ConvShape& s) {
  ConvSizes sizes;
  sizes.pixels = s.batch * s.out_height * s.out_width;
  sizes.out = s.out;
  sizes.patch = s.kernel_h * s.kernel_w * s.in;
  sizes.products = context.products();
  sizes.thin = cuda::conv_thin_supports(s);
  return choose_conv(sizes);
}

void run_product(Context& context, const cuda::TensorGemm& call) {
  cuda::GemmPlan plan = cuda::plan_gemm(call.m, call.n, call.k, context.pool().multiprocessors());
  if (plan.tile == cuda::GemmPlan::Tile::k16x128) plan.tile = cuda::GemmPlan::Tile::k64x64;
  if (call.y_map.columns > 0) plan.splits = 1;
  const Tensor workspace = scratch(context, cuda::gemm_workspace_bytes(plan, call.m, call.n));
  cuda::gemm_tensor(stream(context), call, plan, on_device<uint8_t>(workspace));
}

// As a product of the patches with the kernels; a patch is read out of the rounded picture.
void run_tensor(Context& context, const DeviceConv& conv, const Tensor& residual, const Tensor& y) {
  const cuda::ConvShape& s = conv.shape;
  const cuda::ConvPacking packing(s);
  const int64_t at_once = std::clamp<int64_t>(kPackedBytes / (2 * packing.picture()), 1, s.batch);
  const Tensor weight = context.empty({s.out, packing.patch()}, DType::kBF16);
  const Tensor packed = context.empty({at_once, packing.picture()}, DType::kBF16);
  cuda::pack_kernel(stream(context), packing, on_device<float>(conv.weight),
                    on_device_words(weight));
  cuda::TensorGemm call;
  call.x = on_device_words(packed);
  call.w = on_device_words(weight);
  call.bias = on_device_or_null(conv.bias);
  call.activation = conv.activation;
  call.n = call.ldy = call.ldr = s.out;
  call.k = call.ldw = packing.patch();
  call.x_map = packing.patches();
  const int64_t pixels = s.out_height * s.out_width, image = s.height * s.width * s.in;
  for (int64_t first = 0; first < s.batch; first += at_once) {
    const int64_t count = std::min(at_once, s.batch - first), done = first * pixels * s.out;
    cuda::pack_pictures(stream(context), packing, on_device<float>(conv.x) + first * image, count,
                        on_device_words(packed));
    call.m = count * pixels;
    call.y = on_device<float>(y) + done;
    if (residual) call.residual = on_device<float>(residual) + done;
    run_product(context, call);
  }
}

void run_thin(Context& context, const DeviceConv& conv, const ChannelNorm* norm, const Tensor& y) {
  cuda::ThinConv call;
  call.x = on_device<float>(conv.x);
  call.weight = on_device<float>(conv.weight);
  call.bias = on_device_or_null(conv.bias);
  call.y = on_device<float>(y);
  call.shape = conv.shape;
  call.activation = conv.activation;
  if (norm) {
    call.norm_weight = on_device<float>(norm->weight);
    call.norm_bias = on_device<float>(norm->bias);
    call.eps = norm->eps;
  }
  cuda::conv_thin(stream(context), call);
}

// Four products a pixel, each stored where its corner of the 2x2 block lies.
void run_transposed(Context& context, const Tensor& x, const Tensor& weight, const Tensor& bias,
                    const Tensor& skip, Activation activation, const Tensor& y) {
  const int64_t h = x.dim(1), w = x.dim(2), in = x.dim(3), out = y.dim(3), pixels = x.numel() / in;
  const int64_t stride = cuda::bf16_row(in);
  const Tensor rounded = context.empty({pixels, stride}, DType::kBF16);
  const Tensor packed = context.empty({4 * out, stride}, DType::kBF16);
  const Tensor biases = context.empty({4 * out});
  cuda::round_rows(stream(context), on_device<float>(x), in, on_device_words(rounded), stride,
                   pixels, in);
  cuda::pack_transposed(stream(context), on_device<float>(weight), on_device_or_null(bias),
                        on_device_words(packed), on_device<float>(biases), in, out, stride);
  cuda::TensorGemm call;
  call.x = on_device_words(rounded);
  call.w = on_device_words(packed);
  call.y = on_device<float>(y);
  call.bias = on_device<float>(biases);
  call.residual = on_device_or_null(skip);
  call.m = pixels, call.n = 4 * out, call.k = in;
  call.ldx = call.ldw = stride;
  call.ldy = call.ldr = call.n;
  call.activation = activation;
  call.activate_last = true;
  call.y_map = {w, h, 2 * out, 4 * w * out, 4 * h * w * out, 2 * out, 2 * w * out};
  call.residual_image_step = skip && skip.dim(0) == 1 ? 0 : call.y_map.image_step;
  run_product(context, call);
}

}  // namespace

Tensor conv2d_on_device(Context& context, const DeviceConv& conv, const Tensor& residual) {
  Tensor y = empty_result(context, conv.shape);
  if (y.numel() == 0) return y;
  switch (choose(context, conv.shape)) {
    case ConvKernel::kTensor:
      run_tensor(context, conv, residual, y);
      return y;
    case ConvKernel::kThin:
      run_thin(context, conv, nullptr, y);
      break;
    case ConvKernel::kSimple:
      cuda::conv2d(stream(context), on_device<float>(conv.x), on_device<float>(conv.weight),
                   on_device_or_null(conv.bias), on_device<float>(y), conv.shape, conv.activation);
      break;
  }
  if (residual) add_inplace(context, y, residual);
  return y;
}

Tensor conv2d_norm_on_device(Context& context, const DeviceConv& conv, const ChannelNorm& norm) {
  if (choose(context, conv.shape) == ConvKernel::kThin) {
    Tensor y = empty_result(context, conv.shape);
    if (y.numel() > 0) run_thin(context, conv, &norm, y);
    return y;
  }
  DeviceConv plain = conv;
  plain.activation = Activation::kNone;
  return channel_norm(context, conv2d_on_device(context, plain), norm, conv.activation);
}

Tensor channel_norm_on_device(Context& context, const Tensor& x, const ChannelNorm& norm,
                              Activation activation) {
  Tensor y = context.empty(x.shape());
  if (y.numel() == 0) return y;
  const int64_t n = x.dim(-1);
  const Tensor weight = vector_f32(context, norm.weight, n, "channel_norm");
  const Tensor bias = vector_f32(context, norm.bias, n, "channel_norm");
  cuda::ChannelNorm call;
  call.x = on_device<float>(x);
  call.weight = on_device<float>(weight);
  call.bias = on_device_or_null(bias);
  call.y = on_device<float>(y);
  call.pixels = x.numel() / n;
  call.n = n;
  call.eps = norm.eps;
  call.activation = activation;
  if (!cuda::channel_norm_supports(call)) return {};
  cuda::channel_norm(stream(context), call);
  return y;
}

Tensor conv2d_depthwise_on_device(Context& context, const DeviceConv& conv) {
  Tensor y = empty_result(context, conv.shape);
  if (y.numel() == 0) return y;
  const auto run = cuda::conv_depthwise_7x7_supports(conv.shape) ? cuda::conv_depthwise_7x7
                                                                 : cuda::conv2d_depthwise;
  run(stream(context), on_device<float>(conv.x), on_device<float>(conv.weight),
      on_device_or_null(conv.bias), on_device<float>(y), conv.shape);
  return y;
}

Tensor conv_transpose_on_device(Context& context, const Tensor& x, const Tensor& weight,
                                const Tensor& bias, const Tensor& skip, Activation activation) {
  const int64_t in = x.dim(3), out = weight.dim(1);
  Tensor y = context.empty({x.dim(0), 2 * x.dim(1), 2 * x.dim(2), out});
  if (y.numel() == 0) return y;
  if (choose_transposed(x.numel() / in, in, out, context.products()) == ConvKernel::kTensor) {
    run_transposed(context, x, weight, bias, skip, activation, y);
    return y;
  }
  cuda::conv_transpose_2x2(stream(context), on_device<float>(x), on_device<float>(weight),
                           on_device_or_null(bias), on_device<float>(y), x.dim(0), x.dim(1),
                           x.dim(2), in, out);
  if (skip) add_inplace(context, y, skip.dim(0) == 1 ? skip[0] : skip);
  return activation == Activation::kNone ? y : activate(context, y, activation);
}

}  // namespace vmolmo::ops
