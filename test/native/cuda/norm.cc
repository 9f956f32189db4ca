#include "native/kernels/cuda/norm.h"

#include "native/kernels/cpu/reference.h"
#include "test/native/cuda/support.h"
#include "videomolmo/tensor.h"

namespace vmolmo::test {
namespace {

std::vector<uint16_t> rounded(const std::vector<float>& values) {
  std::vector<uint16_t> words;
  for (const float value : values) words.push_back(BFloat16(value).bits);
  return words;
}

TEST_CASE("cuda norms match the reference in every thread order") {
  for_each_order([] {
    Random random(31);
    // Rows of any length, of a warp, of a block, longer than what a block keeps.
    for (const int64_t n : {1, 3, 32, 100, 257, 1024, 1028, 8192, 8196}) {
      const int64_t rows = random.integer(1, n > 2000 ? 2 : 19);
      const auto x = random.normal(rows * n, 3.0f), w = random.normal(n), b = random.normal(n);
      const DeviceArray<float> dx(x), dw(w), db(b), dy(x.size());
      const DeviceArray<uint16_t> narrow(x.size());
      std::vector<float> expected(x.size());
      reference::rms_norm(x.data(), w.data(), expected.data(), rows, n, 1e-6f);
      cuda::rms_norm(nullptr, dx.get(), dw.get(), dy.get(), rows, n, 1e-6f);
      check_close(dy.read(), expected, 1e-6, "rms_norm ", n);
      cuda::rms_norm(nullptr, dx.get(), dw.get(), narrow.get(), rows, n, 1e-6f);
      check(rounded(dy.read()) == narrow.read(), "rms_norm ", n, ": bf16 is not the rounded f32");
      reference::layer_norm(x.data(), w.data(), b.data(), expected.data(), rows, n, 1e-5f);
      cuda::layer_norm(nullptr, dx.get(), dw.get(), db.get(), dy.get(), rows, n, 1e-5f);
      check_close(dy.read(), expected, n == 1 ? 1e-5 : 2e-6, "layer_norm ", n);
      cuda::layer_norm(nullptr, dx.get(), dw.get(), db.get(), narrow.get(), rows, n, 1e-5f);
      check(rounded(dy.read()) == narrow.read(), "layer_norm ", n, ": bf16 is not the rounded f32");
    }
  });
}

}  // namespace
}  // namespace vmolmo::test
