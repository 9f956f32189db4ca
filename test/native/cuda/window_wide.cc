#include "native/kernels/cuda/window_wide.h"

#include "native/ops/window_attention.h"
#include "test/native/cuda/support.h"

namespace vmolmo::test {
namespace {

void run(int64_t windows, int64_t queries, int64_t heads) {
  Random random(static_cast<uint32_t>(windows + queries));
  const int64_t width = heads * 64;
  const auto q = random.normal(windows * queries * width), k = random.normal(windows * 4 * width);
  const auto v = random.normal(windows * 4 * width);
  Context context(1);
  const Tensor expected = ops::window_attention(context, Tensor::from(q, {windows, queries, width}),
                                                Tensor::from(k, {windows, 4, width}),
                                                Tensor::from(v, {windows, 4, width}), heads);
  const DeviceArray<float> device_q(q), device_k(k), device_v(v), out(q.size());
  cuda::WindowAttention p;
  p.q = device_q.get(), p.k = device_k.get(), p.v = device_v.get(), p.out = out.get();
  p.windows = windows, p.queries = queries, p.heads = heads;
  p.scale = 1.0f / 8.0f;
  check(cuda::window_wide_supports(p), "refused");
  cuda::window_attention_wide(nullptr, p);
  check_close(out.read(), expected.to_vector(), 2e-6, windows, " windows, ", queries, " queries, ",
              heads, " heads");
}

}  // namespace

TEST_CASE("cuda wide window attention: four queries or one, any number of windows and heads") {
  for_each_order([] {
    for (const int64_t queries : {4, 1}) {
      run(1, queries, 1);
      run(3, queries, 5);
      run(4, queries, 16);
    }
  });
}

TEST_CASE("cuda wide window attention: what it does not take") {
  cuda::WindowAttention p;
  check(cuda::window_wide_supports(p), "a plain problem");
  p.d = 32;
  check(!cuda::window_wide_supports(p), "heads of 32");
  p.d = 64, p.queries = 2;
  check(!cuda::window_wide_supports(p), "two queries");
}

}  // namespace vmolmo::test
