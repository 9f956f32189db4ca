#include "native/kernels/cuda/gemm_tensor.h"

#include <bit>

#include "native/kernels/cpu/reference.h"
#include "test/native/cuda/support.h"

namespace vmolmo::test {
namespace {

using Tile = cuda::GemmPlan::Tile;

struct Problem {
  int64_t m, n, k;
  int64_t x_gap = 0, w_gap = 0, y_gap = 0;  // elements between rows
  int64_t skip = 0;                         // elements before the first rows of x and w
  Activation activation = Activation::kNone;
  bool bias = false, residual = false;
  bool bf16 = false;    // y
  bool swiglu = false;  // w has 2 n rows
};

uint16_t to_bf16(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  return static_cast<uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}
float from_bf16(uint16_t bits) { return std::bit_cast<float>(uint32_t{bits} << 16); }

// bf16 rows `gap` elements apart and the same values without gaps as f32. What lies in the gaps is
// NaN: whoever reads it shows.
struct Rows {
  std::vector<uint16_t> bits;
  std::vector<float> values;
};
Rows make_rows(Random& random, int64_t rows, int64_t columns, int64_t gap, int64_t skip) {
  Rows out;
  out.bits.assign(static_cast<size_t>(skip), uint16_t{0x7fc0});
  for (int64_t r = 0; r < rows; ++r) {
    for (float v : random.normal(columns)) {
      out.bits.push_back(to_bf16(v));
      out.values.push_back(from_bf16(out.bits.back()));
    }
    out.bits.insert(out.bits.end(), static_cast<size_t>(gap), uint16_t{0x7fc0});
  }
  return out;
}

// What y must be, before it is rounded.
std::vector<float> expected(const Problem& p, const Rows& x, const Rows& w,
                            const std::vector<float>& bias, const std::vector<float>& residual) {
  const int64_t columns = p.swiglu ? 2 * p.n : p.n;
  std::vector<float> sums(static_cast<size_t>(p.m * columns)), y;
  reference::linear(x.values.data(), w.values.data(), p.bias ? bias.data() : nullptr, sums.data(),
                    p.m, columns, p.k);
  for (int64_t r = 0; r < p.m; ++r) {
    for (int64_t c = 0; c < p.n; ++c) {
      const float* row = sums.data() + r * columns;
      float value = reference::activate(row[c], p.activation);
      if (p.swiglu) value = row[c] * reference::activate(row[p.n + c], Activation::kSilu);
      y.push_back(p.residual ? value + residual[static_cast<size_t>(r * p.n + c)] : value);
    }
  }
  return y;
}

// [m, n] out of rows p.n + p.y_gap apart, behind which nobody may have written.
template <typename T, typename Value>
std::vector<float> dense_rows(const Problem& p, const std::vector<T>& all, T untouched,
                              const Value& value) {
  const int64_t ldy = p.n + p.y_gap;
  std::vector<float> dense;
  for (int64_t r = 0; r < p.m; ++r) {
    for (int64_t c = 0; c < ldy; ++c) {
      const T element = all[static_cast<size_t>(r * ldy + c)];
      if (c < p.n) dense.push_back(value(element));
      if (c >= p.n) check(element == untouched, "wrote outside");
    }
  }
  return dense;
}

void run(const Problem& p, const cuda::GemmPlan& plan) {
  Random random(static_cast<uint32_t>(p.m * 31 + p.n * 7 + p.k));
  const Rows x = make_rows(random, p.m, p.k, p.x_gap, p.skip);
  const Rows w = make_rows(random, p.swiglu ? 2 * p.n : p.n, p.k, p.w_gap, p.skip);
  const auto bias = random.normal(p.n), residual = random.normal(p.m * p.n);
  const auto count = static_cast<size_t>(p.m * (p.n + p.y_gap));
  const DeviceArray<uint16_t> device_x(x.bits), device_w(w.bits);
  const DeviceArray<float> device_bias(bias), device_residual(residual);
  const DeviceArray<float> y(std::vector<float>(count, 7.0f));
  const DeviceArray<uint16_t> y_bf16(std::vector<uint16_t>(count, 7));
  const DeviceArray<std::byte> workspace(cuda::gemm_workspace_bytes(plan, p.m, p.n) + 1);
  cuda::TensorGemm gemm;
  gemm.x = device_x.get() + p.skip;
  gemm.w = device_w.get() + p.skip;
  if (p.bf16) {
    gemm.y_bf16 = y_bf16.get();
  } else {
    gemm.y = y.get();
  }
  gemm.bias = p.bias ? device_bias.get() : nullptr;
  gemm.residual = p.residual ? device_residual.get() : nullptr;
  gemm.m = p.m, gemm.n = p.n, gemm.k = p.k;
  gemm.ldx = p.k + p.x_gap, gemm.ldw = p.k + p.w_gap, gemm.ldy = p.n + p.y_gap, gemm.ldr = p.n;
  gemm.activation = p.activation;
  gemm.swiglu = p.swiglu;
  cuda::gemm_tensor(nullptr, gemm, plan, workspace.get());
  const auto actual = p.bf16 ? dense_rows(p, y_bf16.read(), uint16_t{7}, from_bf16)
                             : dense_rows(p, y.read(), 7.0f, [](float v) { return v; });
  // One rounding moves a value by 2^-8 of it at most; the norm of many by less than 2^-9.
  check_close(actual, expected(p, x, w, bias, residual), p.bf16 ? 2.5e-3 : 2e-6, "m ", p.m, " n ",
              p.n, " k ", p.k, " tile ", int(plan.tile), " splits ", plan.splits,
              p.bf16 ? " bf16" : "", p.swiglu ? " SwiGLU" : "");
}

}  // namespace

TEST_CASE("cuda tensor-core gemm: every tile on shapes that fit none") {
  for_each_order([] {
    run({.m = 5, .n = 130, .k = 40, .bias = true}, {Tile::k16x128, 1});
    run({.m = 70, .n = 67, .k = 97, .x_gap = 7, .w_gap = 7, .bias = true}, {Tile::k64x64, 1});
    run({.m = 131, .n = 140, .k = 72, .residual = true}, {Tile::k128x128, 1});
  });
}

TEST_CASE("cuda tensor-core gemm: blocks take their tiles in groups") {
  // More than one group of rows, the last one incomplete.
  run({.m = 64 * 9 + 1, .n = 65, .k = 8}, {Tile::k64x64, 1});
}

TEST_CASE("cuda tensor-core gemm: activation, bias and residual in one pass") {
  for (const Activation activation : {Activation::kRelu, Activation::kGelu, Activation::kQuickGelu,
                                      Activation::kSilu, Activation::kSigmoid}) {
    run({.m = 9, .n = 20, .k = 33, .activation = activation, .bias = true, .residual = true},
        {Tile::k64x64, 1});
  }
}

TEST_CASE("cuda tensor-core gemm: rows apart, rows that do not start at 16 bytes") {
  run({.m = 17, .n = 21, .k = 35, .x_gap = 2, .w_gap = 1, .y_gap = 3, .bias = true},
      {Tile::k64x64, 1});
  run({.m = 17, .n = 24, .k = 35, .x_gap = 5, .w_gap = 13, .y_gap = 8}, {Tile::k16x128, 1});
  run({.m = 17, .n = 24, .k = 40, .skip = 3}, {Tile::k64x64, 1});
}

TEST_CASE("cuda tensor-core gemm: parts of k add up, the last ones empty too") {
  for_each_order([] {
    run({.m = 3, .n = 50, .k = 200, .bias = true, .residual = true}, {Tile::k16x128, 3});
    run({.m = 20, .n = 30, .k = 70, .activation = Activation::kGelu}, {Tile::k64x64, 5});
  });
}

TEST_CASE("cuda tensor-core gemm: the plan fills the device") {
  const cuda::GemmPlan decode = cuda::plan_gemm(8, 3584, 18944, 132);
  check(decode.tile == Tile::k16x128 && decode.splits > 4, "few rows: ", decode.splits, " parts");
  const cuda::GemmPlan prefill = cuda::plan_gemm(1500, 37888, 3584, 132);
  check(prefill.tile == Tile::k128x128 && prefill.splits == 1, "many rows were split");
  check(cuda::plan_gemm(1, 1, 1, 132).splits == 1, "one product was split");
  check(cuda::gemm_workspace_bytes({Tile::k64x64, 3}, 5, 7) == 3 * 5 * 7 * sizeof(float), "bytes");
  check(cuda::gemm_workspace_bytes({Tile::k64x64, 1}, 5, 7) == 0, "bytes of an uncut product");
}

TEST_CASE("cuda tensor-core gemm: bf16 results, in one pass and out of parts") {
  for_each_order([] {
    run({.m = 131, .n = 140, .k = 72, .bias = true, .residual = true, .bf16 = true},
        {Tile::k128x128, 1});
    run({.m = 9,
         .n = 21,
         .k = 33,
         .y_gap = 2,
         .activation = Activation::kQuickGelu,
         .bias = true,
         .bf16 = true},
        {Tile::k64x64, 1});
    run({.m = 5, .n = 50, .k = 200, .bias = true, .bf16 = true}, {Tile::k16x128, 3});
  });
}

TEST_CASE("cuda tensor-core gemm: SwiGLU of two matrices in one pass") {
  for_each_order([] {
    run({.m = 131, .n = 70, .k = 72, .swiglu = true}, {Tile::k128x128, 1});
    run({.m = 70, .n = 45, .k = 40, .w_gap = 8, .y_gap = 3, .bf16 = true, .swiglu = true},
        {Tile::k64x64, 1});
    run({.m = 7, .n = 76, .k = 33, .bf16 = true, .swiglu = true}, {Tile::k16x128, 1});
  });
}

}  // namespace vmolmo::test
