#include "native/ops/elementwise.h"

#include "native/ops/norm.h"
#include "native/ops/rope.h"
#include "test/native/harness.h"

namespace vmolmo::test {
namespace {

TEST_CASE("add, multiply, affine: repetition over leading axes, bf16 operand") {
  Context context(2);
  Random random(51);
  const Tensor a = Tensor::from(random.normal(3 * 4 * 5), {3, 4, 5});
  const Tensor b = Tensor::from(random.normal(4 * 5), {4, 5});
  const Tensor sum = ops::add(context, a, b, 2.0f), product = ops::multiply(context, a, b);
  const Tensor scaled = ops::affine(context, a, 2.0f, -1.0f);
  for (int64_t i = 0; i < a.numel(); ++i) {
    const float x = a.data<float>()[i], y = b.data<float>()[i % 20];
    check(sum.data<float>()[i] == x + 2.0f * y, "add at ", i);
    check(product.data<float>()[i] == x * y, "multiply at ", i);
    check(scaled.data<float>()[i] == x * 2.0f - 1.0f, "affine at ", i);
  }
  std::vector<BFloat16> half{BFloat16(1.5f), BFloat16(-2.0f), BFloat16(0.0f), BFloat16(1.0f),
                             BFloat16(3.0f)};
  Tensor c = a.clone(cpu_heap());
  ops::add_inplace(context, c, Tensor::borrow(half.data(), {5}, DType::kBF16));
  check(c.data<float>()[6] == a.data<float>()[6] - 2.0f, "bf16 operand");
  check_throws(Code::kInternal, [&] { ops::add(context, a, a.slice(1, 0, 2)); });
}

TEST_CASE("permute and concat of strided views") {
  Context context(2);
  Random random(52);
  const Tensor x = Tensor::from(random.normal(3 * 5 * 7 * 2), {3, 5, 7, 2});
  const Tensor view = x.slice(2, 1, 6);
  const Tensor y = ops::permute(context, view, {2, 0, 3, 1});
  check(y.shape() == Shape({5, 3, 2, 5}), "shape ", y.shape());
  for (int64_t i = 0; i < y.numel(); ++i) {
    const int64_t d1 = i % 5, d3 = i / 5 % 2, d0 = i / 10 % 3, d2 = i / 30;
    check(y.data<float>()[i] == x.data<float>()[((d0 * 5 + d1) * 7 + d2 + 1) * 2 + d3], "at ", i);
  }
  const Tensor parts[] = {x.slice(1, 0, 2), x.slice(1, 2, 5)};
  check(ops::concat(context, parts, 1).to_vector() == x.to_vector(), "concat undoes slice");
  const Tensor wrong[] = {x, x.slice(2, 0, 3)};
  check_throws(Code::kInternal, [&] { ops::concat(context, wrong, 0); });
  check_throws(Code::kInternal, [&] { ops::permute(context, x, {0, 1, 1, 2}); });
}

TEST_CASE("mean, running mean, rounding to bf16") {
  Context context(2);
  const Tensor x = Tensor::from(std::vector<float>{1, 2, 3, 4, 5, 6}, {3, 2});
  check(ops::mean(context, x, 0).to_vector() == std::vector<float>({3, 4}), "mean of rows");
  check(ops::mean(context, x, -1).to_vector() == std::vector<float>({1.5f, 3.5f, 5.5f}),
        "of columns");
  Tensor running = Tensor::zeros(cpu_heap(), {3, 2});
  ops::lerp_inplace(context, running, x, 0.5f);
  check(running.to_vector()[5] == 3.0f, "lerp");
  Tensor rounded = Tensor::from(std::vector<float>{1.00390625f, 1.01171875f}, {2});
  ops::round_to_bf16_inplace(context, rounded);
  check(rounded.to_vector() == std::vector<float>({1.0f, 1.015625f}), "bf16");
}

TEST_CASE("rope, rotate-half: angles, strides, table offset") {
  Context context(2);
  Random random(53);
  const int64_t n = 6, heads = 2, d = 8;
  Tensor wide = Tensor::from(random.normal(n * 3 * heads * d), {n, 3 * heads, d});
  const auto before = wide.to_vector();
  Tensor q = wide.slice(1, 2, 4);
  const auto table = ops::make_rope_table(2, 20, d, 1e4);
  ops::rope_rotate_half(context, q, table, 5);
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t h = 0; h < 3 * heads; ++h) {
      for (int64_t c = 0; c < d; ++c) {
        const int64_t at = (i * 3 * heads + h) * d;
        const double angle = double(2 + 5 + i) * std::pow(1e4, -2.0 * double(c % 4) / 8.0);
        const double other = c < 4 ? -before[size_t(at + c + 4)] : before[size_t(at + c - 4)];
        const double turned = before[size_t(at + c)] * std::cos(angle) + other * std::sin(angle);
        const double expected = h >= 2 && h < 4 ? turned : before[size_t(at + c)];
        check(std::abs(wide.data<float>()[at + c] - expected) < 2e-6, "row ", i, " head ", h);
      }
    }
  }
  check_throws(Code::kInternal, [&] { ops::rope_rotate_half(context, q, table, 15); });
}

TEST_CASE("rope, axial: columns then rows, restarts after the grid") {
  Context context(2);
  Random random(54);
  const int64_t side = 3, d = 8;
  Tensor x = Tensor::from(random.normal(2 * 18 * d), {2, 18, d});
  const auto before = x.to_vector();
  ops::rope_axial(context, x, ops::make_axial_rope_table(side, d, 100.0));
  for (int64_t row = 0; row < 36; ++row) {
    const int64_t t = row % 9;
    for (int64_t i = 0; i < d / 2; ++i) {
      const double position = i < d / 4 ? double(t % side) : double(t / side);
      const double angle = position * std::pow(100.0, -4.0 * double(i % (d / 4)) / double(d));
      const double a = before[size_t(row * d + 2 * i)], b = before[size_t(row * d + 2 * i + 1)];
      const double even = a * std::cos(angle) - b * std::sin(angle);
      const double odd = a * std::sin(angle) + b * std::cos(angle);
      check(std::abs(x.data<float>()[row * d + 2 * i] - even) < 2e-6, "even, row ", row);
      check(std::abs(x.data<float>()[row * d + 2 * i + 1] - odd) < 2e-6, "odd, row ", row);
    }
  }
}

TEST_CASE("norms refuse parameters of another length") {
  Context context(1);
  const Tensor x = Tensor::zeros(cpu_heap(), {2, 6}), w = Tensor::zeros(cpu_heap(), {5});
  check_throws(Code::kInternal, [&] { ops::layer_norm(context, x, w, w, 1e-5f); });
  check_throws(Code::kInternal, [&] { ops::rms_norm(context, x, w, 1e-5f); });
}

}  // namespace
}  // namespace vmolmo::test
