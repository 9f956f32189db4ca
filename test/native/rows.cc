#include "native/kernels/cpu/kernels.h"
#include "native/kernels/cpu/reference.h"
#include "native/ops/activation.h"
#include "native/ops/gather.h"
#include "native/ops/tokens.h"
#include "test/native/harness.h"

namespace vmolmo::test {
namespace {

const int64_t kWidths[] = {1, 3, 8, 15, 16, 17, 31, 64, 96, 100, 257, 1024};

TEST_CASE("softmax, layer norm, rms norm: every instruction set") {
  for (const cpu::Kernels* kernels : cpu::supported_kernels()) {
    Random random(21);
    for (int64_t n : kWidths) {
      const int64_t rows = 5;
      const auto x = random.normal(rows * n, 4.0f), w = random.normal(n), b = random.normal(n);
      std::vector<float> y(x.size(), NAN), expected(x.size());
      reference::softmax(x.data(), expected.data(), rows, n);
      kernels->softmax(x.data(), y.data(), rows, n);
      check_close(y, expected, 1e-6, kernels->name, " softmax ", n);
      reference::layer_norm(x.data(), w.data(), b.data(), expected.data(), rows, n, 1e-5f);
      kernels->layer_norm(x.data(), w.data(), b.data(), y.data(), rows, n, 1e-5f);
      check_close(y, expected, n == 1 ? 1e-5 : 2e-6, kernels->name, " layer_norm ", n);
      reference::rms_norm(x.data(), w.data(), expected.data(), rows, n, 1e-6f);
      kernels->rms_norm(x.data(), w.data(), y.data(), rows, n, 1e-6f);
      check_close(y, expected, 1e-6, kernels->name, " rms_norm ", n);
    }
  }
}

// Largest relative error over a fine grid, and the values beyond it.
TEST_CASE("activations and exp: relative error, every instruction set") {
  std::vector<float> grid;
  for (float x = -12.0f; x <= 12.0f; x += 0.00137f) grid.push_back(x);
  for (float x : {0.0f, -0.0f, 1e-20f, -1e-20f, 30.0f, 80.0f}) grid.push_back(x);
  for (const cpu::Kernels* kernels : cpu::supported_kernels()) {
    for (auto activation : {Activation::kNone, Activation::kRelu, Activation::kGelu,
                            Activation::kQuickGelu, Activation::kSilu, Activation::kSigmoid}) {
      std::vector<float> y(grid.size());
      kernels->activate(grid.data(), y.data(), int64_t(grid.size()),
                        static_cast<Activation>(activation));
      double worst = 0.0;
      for (size_t i = 0; i < grid.size(); ++i) {
        const double expected = reference::activate(grid[i], activation);
        // The far negative tail of GELU is below 1e-12; there the absolute size is what counts.
        worst = std::max(worst, std::abs(y[i] - expected) / std::max(std::abs(expected), 1e-12));
      }
      check(worst < 4e-6, kernels->name, " activation ", int(activation), ": relative error ",
            worst);
    }
    std::vector<float> x, y;
    for (float t = -87.0f; t < 88.0f; t += 0.00321f) x.push_back(t);
    y.resize(x.size());
    kernels->exponential(x.data(), y.data(), int64_t(x.size()));
    double worst = 0.0;
    for (size_t i = 0; i < x.size(); ++i) {
      worst = std::max(worst, std::abs(y[i] / std::exp(double(x[i])) - 1.0));
    }
    check(worst < 3e-7, kernels->name, " exp: relative error ", worst);
    const float far[3] = {-1000.0f, -88.0f, 1000.0f};
    float out[3];
    kernels->exponential(far, out, 3);
    check(out[0] == 0.0f && out[1] == 0.0f && std::isfinite(out[2]) && out[2] > 1e38f,
          kernels->name, " exp far: ", out[0], " ", out[1], " ", out[2]);
  }
}

TEST_CASE("swiglu on strided halves of one projection") {
  Context context(2);
  Random random(23);
  const Tensor both = Tensor::from(random.normal(7 * 2 * 45), {7, 90});
  const Tensor up = both.slice(1, 0, 45), gate = both.slice(1, 45, 90);
  const auto u = up.clone(cpu_heap()).to_vector(), g = gate.clone(cpu_heap()).to_vector();
  std::vector<float> expected(u.size());
  for (size_t i = 0; i < u.size(); ++i) {
    expected[i] = u[i] * reference::activate(g[i], Activation::kSilu);
  }
  check_close(ops::swiglu(context, up, gate).to_vector(), expected, 1e-6, "swiglu");
}

TEST_CASE("gather_rows, scatter_add_rows, argmax") {
  Context context(2);
  Random random(24);
  const Tensor table = Tensor::from(random.normal(10 * 6), {10, 6});
  const std::vector<int32_t> ids{3, 9, 0, 3};
  const Tensor rows = ops::gather_rows(context, table, ids);
  for (int64_t i = 0; i < 4; ++i) {
    for (int64_t c = 0; c < 6; ++c) {
      check(rows.data<float>()[i * 6 + c] == table.data<float>()[ids[size_t(i)] * 6 + c], "row ",
            i);
    }
  }
  const std::vector<int32_t> outside{10};
  check_throws(Code::kInvalidArgument, [&] { ops::gather_rows(context, table, outside); });
  Tensor x = Tensor::zeros(cpu_heap(), {3, 6});
  const std::vector<int32_t> index{2, -1, 2, 0};
  ops::scatter_add_rows(context, x, rows, index);
  check(x.data<float>()[12] == rows.data<float>()[0] + rows.data<float>()[12], "scatter sum");
  check(x.data<float>()[6] == 0.0f && x.data<float>()[0] == rows.data<float>()[18], "scatter rows");
  const Tensor ties = Tensor::from(std::vector<float>{1, 5, 5, 2, -3, -3, -4, -9}, {2, 4});
  check(ops::argmax(context, ties) == std::vector<int32_t>({1, 0}), "argmax of ties");
}

}  // namespace
}  // namespace vmolmo::test
