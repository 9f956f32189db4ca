#include "native/ops/conv.h"

#include "native/kernels/cpu/kernels.h"
#include "native/kernels/cpu/reference.h"
#include "test/native/harness.h"

namespace vmolmo::test {
namespace {

TEST_CASE("conv2d: kernels, strides, paddings, bf16 weights, activation") {
  Context context(2);
  Random random(31);
  const struct {
    int64_t h, w, in, out, k, stride, padding;
  } shapes[] = {{19, 23, 3, 8, 7, 4, 3},  {9, 11, 5, 6, 3, 2, 1},    {12, 10, 4, 37, 2, 2, 0},
                {7, 5, 17, 33, 3, 1, 1},  {6, 6, 20, 9, 1, 1, 0},    {5, 5, 2, 3, 5, 1, 4},
                {64, 300, 1, 4, 3, 2, 1}, {130, 140, 64, 5, 3, 1, 1}};
  for (const auto& s : shapes) {
    const reference::ConvShape shape{2, s.h, s.w, s.in, s.out, s.k, s.k, s.stride, s.padding};
    const Tensor x = Tensor::from(random.normal(2 * s.h * s.w * s.in), {2, s.h, s.w, s.in});
    const Tensor w = Tensor::from(random.normal(s.out * s.in * s.k * s.k), {s.out, s.in, s.k, s.k});
    const Tensor b = Tensor::from(random.normal(s.out), {s.out});
    std::vector<float> expected(size_t(2 * shape.out_height() * shape.out_width() * s.out));
    reference::conv2d(x.data<float>(), w.data<float>(), b.data<float>(), expected.data(), shape);
    check_close(ops::conv2d(context, x, w, b, s.stride, s.padding).to_vector(), expected, 2e-6,
                "conv2d ", s.k, "x", s.k, " stride ", s.stride);
    for (float& v : expected) v = std::max(v, 0.0f);
    check_close(ops::conv2d(context, x, w, b, s.stride, s.padding, Activation::kRelu).to_vector(),
                expected, 2e-6, "conv2d relu");
  }
  const Tensor x = Tensor::zeros(cpu_heap(), {1, 4, 4, 3});
  const Tensor w = Tensor::zeros(cpu_heap(), {2, 4, 3, 3});
  check_throws(Code::kInternal, [&] { ops::conv2d(context, x, w, {}, 1, 1); });
}

TEST_CASE("depthwise convolution: every instruction set") {
  for (const cpu::Kernels* kernels : cpu::supported_kernels()) {
    Random random(32);
    for (int64_t c : {1, 5, 16, 33, 64}) {
      const reference::ConvShape shape{1, 9, 8, c, c, 7, 7, 1, 3};
      const auto x = random.normal(9 * 8 * c), w = random.normal(c * 49), b = random.normal(c);
      std::vector<float> turned(w.size()), y(x.size(), NAN), expected(x.size());
      for (int64_t i = 0; i < c; ++i) {
        for (int64_t t = 0; t < 49; ++t) turned[size_t(t * c + i)] = w[size_t(i * 49 + t)];
      }
      reference::conv2d_depthwise(x.data(), w.data(), b.data(), expected.data(), shape);
      for (int64_t oy = 0; oy < 9; ++oy) {
        kernels->depthwise_row(x.data(), 9, 8, c, turned.data(), 7, 7, 3, b.data(), oy, 8,
                               y.data() + oy * 8 * c);
      }
      check_close(y, expected, 2e-6, kernels->name, " depthwise ", c);
    }
  }
}

TEST_CASE("depthwise, transposed convolution and max pool as ops") {
  Context context(2);
  Random random(33);
  const Tensor x = Tensor::from(random.normal(2 * 6 * 8 * 11), {2, 6, 8, 11});
  const Tensor dw = Tensor::from(random.normal(11 * 9), {11, 1, 3, 3});
  const Tensor db = Tensor::from(random.normal(11), {11});
  const reference::ConvShape shape{2, 6, 8, 11, 11, 3, 3, 1, 1};
  std::vector<float> expected(size_t(x.numel()));
  reference::conv2d_depthwise(x.data<float>(), dw.data<float>(), db.data<float>(), expected.data(),
                              shape);
  check_close(ops::conv2d_depthwise(context, x, dw, db, 1).to_vector(), expected, 2e-6,
              "depthwise");

  const Tensor w = Tensor::from(random.normal(11 * 7 * 4), {11, 7, 2, 2});
  const Tensor b = Tensor::from(random.normal(7), {7});
  expected.resize(2 * 12 * 16 * 7);
  reference::conv_transpose_2x2(x.data<float>(), w.data<float>(), b.data<float>(), expected.data(),
                                2, 6, 8, 11, 7);
  check_close(ops::conv_transpose_2x2(context, x, w, b).to_vector(), expected, 2e-6, "transposed");
  reference::conv_transpose_2x2(x.data<float>(), w.data<float>(), nullptr, expected.data(), 2, 6, 8,
                                11, 7);
  check_close(ops::conv_transpose_2x2(context, x, w, {}).to_vector(), expected, 2e-6, "no bias");

  const Tensor pooled = ops::max_pool_2x2(context, x);
  check(pooled.shape() == Shape({2, 3, 4, 11}), "pooled shape ", pooled.shape());
  const auto at = [&](int64_t n, int64_t y, int64_t z, int64_t c) {
    return x.data<float>()[((n * 6 + y) * 8 + z) * 11 + c];
  };
  for (int64_t i = 0; i < pooled.numel(); ++i) {
    const int64_t c = i % 11, z = i / 11 % 4 * 2, y = i / 44 % 3 * 2, n = i / 132;
    const float top =
        std::max({at(n, y, z, c), at(n, y, z + 1, c), at(n, y + 1, z, c), at(n, y + 1, z + 1, c)});
    check(pooled.data<float>()[i] == top, "max pool at ", i);
  }
}

}  // namespace
}  // namespace vmolmo::test
