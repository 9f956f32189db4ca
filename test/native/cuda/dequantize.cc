#include "native/kernels/cuda/dequantize.h"

#include <bit>

#include "native/weights/quantize.h"
#include "test/native/cuda/support.h"

namespace vmolmo::test {
namespace {

void run(const Weight& weight, int64_t ld) {
  const auto* bytes = reinterpret_cast<const uint8_t*>(weight.data.raw());
  const DeviceArray<uint8_t> data(std::vector<uint8_t>(bytes, bytes + weight.data.bytes()));
  const DeviceArray<float> scales(weight.scales.to_vector());
  const int64_t rows = weight.out_features(), columns = weight.in_features();
  const DeviceArray<uint16_t> out(static_cast<size_t>(rows * ld));
  cuda::QuantizedRows p;
  p.data = data.get(), p.scales = scales.get(), p.rows = rows, p.columns = columns;
  p.row_bytes = weight.data.stride(0), p.group = weight.group, p.format = weight.format;
  cuda::dequantize_rows(nullptr, p, out.get(), ld);
  const std::vector<uint16_t> got = out.read();
  const Tensor expected = dequantize(weight, cpu_heap());
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t c = 0; c < ld; ++c) {
      const float value = c < columns ? expected.data<float>()[r * columns + c] : 0.0f;
      check(got[size_t(r * ld + c)] == BFloat16(value).bits, format_name(weight.format), " row ", r,
            " column ", c);
    }
  }
}

}  // namespace

TEST_CASE("cuda dequantize_rows: every format, zeros behind the columns") {
  ThreadPool threads(1);
  Random random(4);
  for (const int64_t columns : {70, 256}) {
    const Tensor plain = Tensor::from(random.normal(5 * columns), {5, columns});
    const int64_t ld = columns + 2;
    run(quantize_int8(plain, threads), ld);
    run(quantize_int4(plain, 64, threads), ld);
    run(quantize_int4(plain, 128, threads), ld);
  }
  for (const int64_t columns : {96, 128})
    run(quantize_fp4(Tensor::from(random.normal(4 * columns), {4, columns}), threads), columns + 8);
}

}  // namespace vmolmo::test
