#include <cmath>

#include "bench/cuda/kernels/map_case.h"
#include "native/kernels/cuda/channel_norm.h"
#include "native/kernels/cuda/conv_depthwise.h"
#include "native/kernels/cuda/conv_pack.h"
#include "native/kernels/cuda/conv_thin.h"
#include "native/kernels/cuda/gemm_tensor.h"

// SAM 2's convolutions with 16 objects (the patch embedding: one picture).
namespace vmolmo::cuda_bench {
namespace {

using cuda::ConvShape;

ConvShape shape_of(int64_t batch, int64_t side, int64_t in, int64_t out, int64_t kernel,
                   int64_t stride, int64_t padding) {
  ConvShape s;
  s.batch = batch, s.height = s.width = side, s.in = in, s.out = out;
  s.kernel_h = s.kernel_w = kernel, s.stride = stride, s.padding = padding;
  s.out_height = s.out_width = (side + 2 * padding - kernel) / stride + 1;
  return s;
}

size_t inputs(const ConvShape& s) {
  return static_cast<size_t>(s.batch * s.height * s.width * s.in);
}
size_t outputs(const ConvShape& s) {
  return static_cast<size_t>(s.batch * s.out_height * s.out_width * s.out);
}

// Output `at` by the definition; channel `out` of the weight [out, in, k, k] or, where every
// channel has its own kernel, of [out, 1, k, k].
double convolved(const ConvShape& s, const std::vector<float>& x, const std::vector<float>& w,
                 size_t at, bool depthwise) {
  const auto i = static_cast<int64_t>(at);
  const int64_t o = i % s.out, pixel = i / s.out, ox = pixel % s.out_width;
  const int64_t oy = pixel / s.out_width % s.out_height, image = pixel / s.out_width / s.out_height;
  double sum = 0.0;
  for (int64_t c = depthwise ? o : 0; c < (depthwise ? o + 1 : s.in); ++c) {
    for (int64_t tap = 0; tap < s.kernel_h * s.kernel_w; ++tap) {
      const int64_t y = oy * s.stride - s.padding + tap / s.kernel_w;
      const int64_t xx = ox * s.stride - s.padding + tap % s.kernel_w;
      if (y < 0 || y >= s.height || xx < 0 || xx >= s.width) continue;
      const int64_t weight = (depthwise ? o : o * s.in + c) * s.kernel_h * s.kernel_w + tap;
      sum += static_cast<double>(
                 x[static_cast<size_t>(((image * s.height + y) * s.width + xx) * s.in + c)]) *
             w[static_cast<size_t>(weight)];
    }
  }
  return sum;
}

Case thin(int64_t batch, int64_t side, int64_t in, int64_t out, const Sizes& sizes) {
  const ConvShape s =
      sizes.tiny ? shape_of(2, 18, in, out, 3, 2, 1) : shape_of(batch, side, in, out, 3, 2, 1);
  Numbers numbers(sizes.seed);
  Mapping<float, float> m;
  m.input = numbers.floats(inputs(s));
  m.outputs = outputs(s);
  const auto w = numbers.floats(static_cast<size_t>(out * in * 9));
  const auto weight = upload(w);
  m.launch = [=](cudaStream_t stream, const float* x, float* y) {
    cuda::ThinConv call;
    call.x = x, call.weight = weight->get(), call.y = y;
    call.shape = s;
    cuda::conv_thin(stream, call);
  };
  m.expected = [s, w, x = m.input](size_t at) { return convolved(s, x, w, at, false); };
  return map_case(std::move(m), sizes, 1e-5);
}

Case depthwise(int64_t batch, const Sizes& sizes) {
  const ConvShape s =
      sizes.tiny ? shape_of(2, 9, 40, 40, 7, 1, 3) : shape_of(batch, 64, 256, 256, 7, 1, 3);
  Numbers numbers(sizes.seed);
  Mapping<float, float> m;
  m.input = numbers.floats(inputs(s));
  m.outputs = outputs(s);
  const auto w = numbers.floats(static_cast<size_t>(s.in * 49));
  const auto weight = upload(w);
  m.launch = [=](cudaStream_t stream, const float* x, float* y) {
    cuda::conv_depthwise_7x7(stream, x, weight->get(), nullptr, y, s);
  };
  m.expected = [s, w, x = m.input](size_t at) { return convolved(s, x, w, at, true); };
  return map_case(std::move(m), sizes, 1e-5);
}

// Rounding the picture and the product.
Case product(const ConvShape& whole, const Sizes& sizes) {
  ConvShape s = whole;
  if (sizes.tiny) s = shape_of(1, 21, whole.in, 24, whole.kernel_h, whole.stride, whole.padding);
  Numbers numbers(sizes.seed);
  const cuda::ConvPacking packing(s);
  Mapping<float, float> m;
  m.input = numbers.floats(inputs(s));
  m.outputs = outputs(s);
  const auto w = numbers.floats(static_cast<size_t>(s.out * s.in * s.kernel_h * s.kernel_w));
  const auto weight = upload(w);
  const auto packed = reserve<uint16_t>(static_cast<size_t>(s.batch * packing.picture()));
  const auto kernels = reserve<uint16_t>(static_cast<size_t>(s.out * packing.patch()));
  const auto plan = cuda::plan_gemm(s.batch * s.out_height * s.out_width, s.out, packing.patch(),
                                    sizes.machine.multiprocessors);
  const auto workspace = reserve<std::byte>(
      cuda::gemm_workspace_bytes(plan, s.batch * s.out_height * s.out_width, s.out) + 1);
  m.launch = [=](cudaStream_t stream, const float* x, float* y) {
    cuda::pack_kernel(stream, packing, weight->get(), kernels->get());
    cuda::pack_pictures(stream, packing, x, s.batch, packed->get());
    cuda::TensorGemm call;
    call.x = packed->get(), call.w = kernels->get(), call.y = y;
    call.m = s.batch * s.out_height * s.out_width, call.n = call.ldy = s.out;
    call.k = call.ldw = packing.patch();
    call.x_map = packing.patches();
    cuda::gemm_tensor(stream, call, plan, workspace->get());
  };
  m.expected = [s, w, x = m.input](size_t at) { return convolved(s, x, w, at, false); };
  Case c = map_case(std::move(m), sizes, 1e-2);
  c.flops =
      2.0 * static_cast<double>(outputs(s)) * static_cast<double>(s.in * s.kernel_h * s.kernel_w);
  return c;
}

Case norm(int64_t pixels, int64_t n, const Sizes& sizes) {
  if (sizes.tiny) pixels = 37;
  Numbers numbers(sizes.seed);
  Mapping<float, float> m;
  m.input = numbers.floats(static_cast<size_t>(pixels * n));
  m.outputs = m.input.size();
  const auto weight = upload(numbers.floats(static_cast<size_t>(n)));
  m.launch = [=](cudaStream_t stream, const float* x, float* y) {
    cuda::ChannelNorm call;
    call.x = x, call.weight = weight->get(), call.y = y;
    call.pixels = pixels, call.n = n, call.eps = 1e-6f;
    call.activation = Activation::kGelu;
    cuda::channel_norm(stream, call);
  };
  m.expected = [n, x = m.input, w = weight->read()](size_t at) {
    const auto width = static_cast<size_t>(n);
    const float* row = x.data() + at / width * width;
    double mean = 0.0, square = 0.0;
    for (size_t i = 0; i < width; ++i) mean += row[i] / static_cast<double>(n);
    for (size_t i = 0; i < width; ++i) square += (row[i] - mean) * (row[i] - mean);
    const double value = (row[at % width] - mean) /
                         std::sqrt(square / static_cast<double>(n) + 1e-6) * w[at % width];
    return 0.5 * value * (1.0 + std::erf(value / std::sqrt(2.0)));
  };
  return map_case(std::move(m), sizes, 1e-5);
}

}  // namespace

std::vector<Entry> conv_cases() {
  return {
      {"conv 7x7: SAM 2 large patch embedding",
       [](const Sizes& z) { return product(shape_of(1, 1024, 3, 144, 7, 4, 3), z); }},
      {"conv 3x3, 16 to 64 channels, 16 objects",
       [](const Sizes& z) { return product(shape_of(16, 256, 16, 64, 3, 2, 1), z); }},
      {"conv 3x3, 64 to 256 channels, 16 objects",
       [](const Sizes& z) { return product(shape_of(16, 128, 64, 256, 3, 2, 1), z); }},
      {"conv 3x3, 1 to 4 channels, 16 objects",
       [](const Sizes& z) { return thin(16, 1024, 1, 4, z); }},
      {"conv 3x3, 4 to 16 channels, 16 objects",
       [](const Sizes& z) { return thin(16, 512, 4, 16, z); }},
      {"depthwise 7x7, 16 objects", [](const Sizes& z) { return depthwise(16, z); }},
      {"layer norm and GELU of 64 channels, 16 objects",
       [](const Sizes& z) { return norm(16 * 128 * 128, 64, z); }},
      {"layer norm and GELU of 256 channels, 16 objects",
       [](const Sizes& z) { return norm(16 * 64 * 64, 256, z); }},
  };
}

}  // namespace vmolmo::cuda_bench
