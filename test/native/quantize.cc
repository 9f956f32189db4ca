#include "native/weights/quantize.h"

#include <algorithm>
#include <cmath>

#include "test/native/harness.h"

namespace vmolmo::test {
namespace {

// The element of a packed weight, read as the comment at Weight says.
float element(const Weight& weight, int64_t row, int64_t column) {
  const float* scales = weight.scales.data<float>() + row * weight.scales.dim(1);
  if (weight.format == Weight::Format::kInt8)
    return float(weight.data.data<int8_t>()[row * weight.data.dim(1) + column]) * scales[0];
  const int64_t chunk = column / 32, place = column % 32;
  const uint8_t byte =
      weight.data.data<uint8_t>()[row * weight.data.dim(1) + 16 * chunk + place % 16];
  const int code = place < 16 ? byte % 16 : byte / 16;
  const float value =
      weight.format == Weight::Format::kInt4 ? float(code - 8) : kFp4Values[size_t(code)];
  return value * scales[column / weight.group];
}

void check_elements(const Weight& weight, const Tensor& dense, const char* what) {
  check(weight.shape() == dense.shape(), what, ": shape ", weight.shape());
  for (int64_t row = 0; row < dense.dim(0); ++row) {
    for (int64_t column = 0; column < dense.dim(1); ++column) {
      const float expected = dense.data<float>()[row * dense.dim(1) + column];
      check(element(weight, row, column) == expected, what, ": element ", row, ", ", column);
    }
  }
}

Tensor random_matrix(Random& random, int64_t rows, int64_t columns) {
  return Tensor::from(random.normal(rows * columns), {rows, columns});
}

// |error| of every element against `steps` times the largest magnitude among its `group`
// neighbours.
void check_error(const Tensor& w, const Tensor& rounded, int64_t group, float steps,
                 const char* what) {
  const int64_t columns = w.dim(1);
  for (int64_t row = 0; row < w.dim(0); ++row) {
    const float* x = w.data<float>() + row * columns;
    const float* y = rounded.data<float>() + row * columns;
    for (int64_t i = 0; i < columns; ++i) {
      const int64_t begin = i / group * group, end = std::min(columns, begin + group);
      float top = 0.0f;
      for (int64_t j = begin; j < end; ++j) top = std::max(top, std::fabs(x[j]));
      check(std::fabs(x[i] - y[i]) <= steps * top, what, ": ", x[i], " became ", y[i]);
    }
  }
}

TEST_CASE("quantize: int8, half a step per output channel") {
  ThreadPool threads(2);
  Random random(1);
  const Tensor w = random_matrix(random, 13, 45);
  std::fill_n(w.data<float>() + 3 * 45, 45, 0.0f);
  const Weight weight = quantize_int8(w, threads);
  check(weight.data.shape() == Shape{13, 48} && weight.scales.shape() == Shape{13, 1}, "shapes");
  const Tensor dense = dequantize(weight, cpu_heap());
  check_elements(weight, dense, "int8");
  check_error(w, dense, 45, 0.5f / 127.0f * 1.0001f, "int8");
  for (int64_t i = 45; i < 48; ++i) check(weight.data.data<int8_t>()[i] == 0, "padding");
}

TEST_CASE("quantize: int4 in groups, the last one short") {
  ThreadPool threads(2);
  Random random(2);
  for (const int64_t group : {64, 128}) {
    const Tensor w = random_matrix(random, 9, 300);
    std::fill_n(w.data<float>(), group, 0.0f);
    const Weight weight = quantize_int4(w, group, threads);
    check(weight.data.shape() == Shape{9, 160}, "data ", weight.data.shape());
    check(weight.scales.dim(1) == (300 + group - 1) / group, "scales ", weight.scales.shape());
    const Tensor dense = dequantize(weight, cpu_heap());
    check_elements(weight, dense, "int4");
    // The opposite end of the range has one code less, and the scale moves to the least error.
    check_error(w, dense, group, 1.25f / 8.0f, "int4");
    check(relative_l2(dense.data<float>(), w.data<float>(), w.numel()) < 0.11, "int4: total error");
    check(weight.data.data<uint8_t>()[159] >> 4 == 8, "padding");
  }
  check_throws(Code::kInvalidArgument,
               [&] { quantize_int4(random_matrix(random, 2, 64), 96, threads); });
}

// Blocks of 64 over the flattened matrix, whatever the width.
TEST_CASE("quantize: fp4 blocks that rows share") {
  ThreadPool threads(2);
  Random random(3);
  for (const int64_t columns : {128, 96, 45}) {
    const Tensor w = random_matrix(random, 7, columns);
    const Fp4Codes flat = encode_fp4({w.data<float>(), static_cast<size_t>(w.numel())});
    std::vector<float> expected;
    for (int64_t i = 0; i < w.numel(); ++i)
      expected.push_back(kFp4Values[flat.codes[size_t(i)]] * flat.absmax[size_t(i / 64)]);
    const Weight weight = quantize_fp4(w, threads);
    const Tensor dense = dequantize(weight, cpu_heap());
    check(dense.to_vector() == expected, "fp4 of ", columns, " columns");
    const bool packed = columns % 32 == 0;
    check((weight.format == Weight::Format::kFp4) == packed, "format of ", columns, " columns");
    if (packed) check_elements(weight, dense, "fp4");
  }
}

TEST_CASE("quantize: bf16 matrices and ranges of rows") {
  ThreadPool threads(1);
  Random random(4);
  const auto values = random.normal(6 * 64);
  const std::vector<BFloat16> half(values.begin(), values.end());
  const Tensor narrow = Tensor::borrow(half.data(), {6, 64}, DType::kBF16);
  const Tensor wide = narrow.to_f32(cpu_heap());
  const auto same = [&](const Weight& a, const Weight& b, const char* what) {
    check(dequantize(a, cpu_heap()).to_vector() == dequantize(b, cpu_heap()).to_vector(), what);
    const Weight part = a.rows(2, 5);
    check_elements(part, dequantize(a, cpu_heap()).slice(0, 2, 5), what);
  };
  same(quantize_int8(narrow, threads), quantize_int8(wide, threads), "int8");
  same(quantize_int4(narrow, 64, threads), quantize_int4(wide, 64, threads), "int4");
  same(quantize_fp4(narrow, threads), quantize_fp4(wide, threads), "fp4");
}

}  // namespace
}  // namespace vmolmo::test
