#include "native/kernels/cuda/gemv.h"

#include <bit>
#include <cstring>

#include "native/kernels/cpu/reference.h"
#include "native/weights/quantize.h"
#include "test/native/cuda/support.h"

namespace vmolmo::test {
namespace {

using Format = Weight::Format;

struct Problem {
  int64_t m, n, k;
  Format format = Format::kPlain;
  int64_t group = 64;
  Activation activation = Activation::kNone;
  bool bias = false, residual = false, norm = false, swiglu = false;
};

// The matrix that the kernel gets: bf16, or quantised.
Weight make_weight(Random& random, const Problem& p) {
  const int64_t rows = p.swiglu ? 2 * p.n : p.n;
  const Tensor plain = Tensor::from(random.normal(rows * p.k), {rows, p.k});
  ThreadPool threads(1);
  if (p.format == Format::kInt8) return quantize_int8(plain, threads);
  if (p.format == Format::kInt4) return quantize_int4(plain, p.group, threads);
  if (p.format == Format::kFp4) return quantize_fp4(plain, threads);
  Tensor narrow = Tensor::empty(cpu_heap(), plain.shape(), DType::kBF16);
  for (int64_t i = 0; i < plain.numel(); ++i) {
    // Cut off instead of rounded: any bf16 values do.
    const auto bits = static_cast<uint16_t>(std::bit_cast<uint32_t>(plain.data<float>()[i]) >> 16);
    std::memcpy(narrow.raw() + 2 * i, &bits, 2);
  }
  return narrow;
}

std::vector<float> expected(const Problem& p, std::vector<float> x, const Weight& weight,
                            const std::vector<float>& norm, const std::vector<float>& bias,
                            const std::vector<float>& residual) {
  const Tensor w = dequantize(weight, cpu_heap());
  if (p.norm) reference::rms_norm(x.data(), norm.data(), x.data(), p.m, p.k, 1e-6f);
  const int64_t rows = w.dim(0);
  std::vector<float> y(static_cast<size_t>(p.m * rows)), out;
  reference::linear(x.data(), w.data<float>(), p.bias ? bias.data() : nullptr, y.data(), p.m, rows,
                    p.k);
  for (int64_t r = 0; r < p.m; ++r) {
    for (int64_t c = 0; c < p.n; ++c) {
      float v = reference::activate(y[size_t(r * rows + c)], p.activation);
      if (p.residual) v += residual[size_t(r * p.n + c)];
      if (p.swiglu) v *= reference::activate(y[size_t(r * rows + p.n + c)], Activation::kSilu);
      out.push_back(v);
    }
  }
  return out;
}

void run(const Problem& p) {
  Random random(static_cast<uint32_t>(p.m * 131 + p.n + p.k));
  const Weight weight = make_weight(random, p);
  const auto x = random.normal(p.m * p.k), norm = random.normal(p.k), bias = random.normal(p.n);
  const auto residual = random.normal(p.m * p.n);
  const auto* bytes = reinterpret_cast<const uint8_t*>(weight.data.raw());
  const DeviceArray<uint8_t> data(std::vector<uint8_t>(bytes, bytes + weight.data.bytes()));
  const DeviceArray<float> scales(weight.scales ? weight.scales.to_vector()
                                                : std::vector<float>(1));
  const DeviceArray<float> device_x(x), device_norm(norm), device_bias(bias);
  const DeviceArray<float> device_residual(residual), y(static_cast<size_t>(p.m * p.n));
  cuda::Gemv gemv;
  gemv.x = device_x.get();
  gemv.w = data.get();
  gemv.scales = scales.get();
  gemv.y = y.get();
  gemv.bias = p.bias ? device_bias.get() : nullptr;
  gemv.residual = p.residual ? device_residual.get() : nullptr;
  gemv.m = p.m, gemv.n = p.n, gemv.k = p.k;
  gemv.ldx = p.k, gemv.ldy = gemv.ldr = p.n;
  gemv.row_bytes = static_cast<int64_t>(weight.data.bytes()) / weight.data.dim(0);
  gemv.group = weight.group;
  gemv.format = p.format;
  gemv.activation = p.activation;
  gemv.norm = p.norm ? device_norm.get() : nullptr;
  gemv.norm_eps = 1e-6f;
  gemv.swiglu = p.swiglu;
  check(cuda::gemv_supports(gemv), "refused");
  cuda::gemv(nullptr, gemv);
  // The two parts of x hold 16 of its bits.
  check_close(y.read(), expected(p, x, weight, norm, bias, residual), 1e-5, format_name(p.format),
              " m ", p.m, " n ", p.n, " k ", p.k);
}

constexpr Format kFormats[] = {Format::kPlain, Format::kInt8, Format::kInt4, Format::kFp4};

}  // namespace

TEST_CASE("cuda gemv: every format and number of rows") {
  for (const Format format : kFormats)
    for (int64_t m = 1; m <= cuda::kGemvRows; ++m)
      run({.m = m, .n = 21, .k = 320, .format = format});
}

TEST_CASE("cuda gemv: columns that fill no step, no round, several stages") {
  for_each_order([] {
    run({.m = 2, .n = 16, .k = 8});
    run({.m = 1, .n = 17, .k = 1048});
    run({.m = 8, .n = 5, .k = 2 * 2048 + 40});
    run({.m = 3, .n = 20, .k = 100, .format = Format::kInt8});
    run({.m = 8, .n = 3, .k = 2100, .format = Format::kInt8});
    run({.m = 1, .n = 19, .k = 100, .format = Format::kInt4, .group = 64});
    run({.m = 7, .n = 2, .k = 2200, .format = Format::kInt4, .group = 128});
    run({.m = 5, .n = 4, .k = 2112, .format = Format::kFp4});
  });
}

TEST_CASE("cuda gemv: norm, bias, activation and residual in one pass") {
  for (const Format format : kFormats) {
    run({.m = 3,
         .n = 18,
         .k = 128,
         .format = format,
         .activation = Activation::kGelu,
         .bias = true,
         .residual = true,
         .norm = true});
  }
}

TEST_CASE("cuda gemv: a norm over several stages") {
  for_each_order([] {
    run({.m = 2, .n = 5, .k = 2 * 2048 + 24, .norm = true});
    run({.m = 6, .n = 3, .k = 4096 + 64, .format = Format::kInt4, .norm = true, .swiglu = true});
  });
}

TEST_CASE("cuda gemv: SwiGLU of two matrices") {
  for_each_order([] {
    for (const Format format : kFormats)
      run({.m = 2, .n = 13, .k = 192, .format = format, .norm = true, .swiglu = true});
  });
}

TEST_CASE("cuda gemv: a row's result does not depend on the rows beside it") {
  Random random(9);
  const int64_t n = 33, k = 2500 / 8 * 8;
  const Problem p{.m = 8, .n = n, .k = k};
  const Weight weight = make_weight(random, p);
  const auto* bytes = reinterpret_cast<const uint8_t*>(weight.data.raw());
  const DeviceArray<uint8_t> data(std::vector<uint8_t>(bytes, bytes + weight.data.bytes()));
  const DeviceArray<float> x(random.normal(p.m * k)), norm(random.normal(k));
  const auto rows_of = [&](int64_t first, int64_t count) {
    const DeviceArray<float> y(static_cast<size_t>(count * n));
    cuda::Gemv gemv;
    gemv.x = x.get() + first * k, gemv.w = data.get(), gemv.y = y.get();
    gemv.m = count, gemv.n = gemv.ldy = n, gemv.k = gemv.ldx = k;
    gemv.row_bytes = 2 * k;
    gemv.norm = norm.get(), gemv.norm_eps = 1e-6f;
    cuda::gemv(nullptr, gemv);
    return y.read();
  };
  const std::vector<float> all = rows_of(0, p.m);
  for (int64_t first = 0; first < p.m; ++first) {
    for (int64_t count = 1; first + count <= p.m; count += 2) {
      const std::vector<float> some = rows_of(first, count);
      check(std::equal(some.begin(), some.end(), all.begin() + first * n), count, " rows from ",
            first, " differ");
    }
  }
}

TEST_CASE("cuda gemv: what it does not take") {
  cuda::Gemv p;
  p.m = 1, p.n = 4, p.k = 64, p.row_bytes = 128;
  check(cuda::gemv_supports(p), "a plain problem");
  p.m = 9;
  check(!cuda::gemv_supports(p), "nine rows");
  p.m = 1, p.k = 63, p.row_bytes = 126;
  check(!cuda::gemv_supports(p), "rows of 126 bytes");
  p.k = 96, p.row_bytes = 48, p.format = Format::kFp4, p.group = 32;
  check(!cuda::gemv_supports(p), "groups of 32");
}

}  // namespace vmolmo::test
