#include "native/kernels/cuda/norm.h"

#include "native/kernels/cpu/reference.h"
#include "test/native/cuda/support.h"

namespace vmolmo::test {
namespace {

TEST_CASE("cuda norms match the reference in every thread order") {
  for_each_order([] {
    Random random(31);
    for (const int64_t n : {1, 3, 32, 100, 257, 1024}) {
      const int64_t rows = random.integer(1, 5);
      const auto x = random.normal(rows * n, 3.0f), w = random.normal(n), b = random.normal(n);
      const DeviceArray<float> dx(x), dw(w), db(b), dy(x.size());
      std::vector<float> expected(x.size());
      reference::rms_norm(x.data(), w.data(), expected.data(), rows, n, 1e-6f);
      cuda::rms_norm(nullptr, dx.get(), dw.get(), dy.get(), rows, n, 1e-6f);
      check_close(dy.read(), expected, 1e-6, "rms_norm ", n);
      reference::layer_norm(x.data(), w.data(), b.data(), expected.data(), rows, n, 1e-5f);
      cuda::layer_norm(nullptr, dx.get(), dw.get(), db.get(), dy.get(), rows, n, 1e-5f);
      check_close(dy.read(), expected, n == 1 ? 1e-5 : 2e-6, "layer_norm ", n);
    }
  });
}

}  // namespace
}  // namespace vmolmo::test
