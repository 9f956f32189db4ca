#include "native/kernels/cuda/rope_append.h"

#include "native/ops/rope.h"
#include "test/native/cuda/support.h"

namespace vmolmo::test {
namespace {

// k and v as a fused projection leaves them: side by side in one row.
void run(int64_t rows, int64_t kv_heads, int64_t d, int64_t past) {
  Random random(static_cast<uint32_t>(rows * d));
  const int64_t width = 2 * kv_heads * d, capacity = past + rows + 2;
  const auto fused = random.normal(rows * width);
  const ops::RopeTable table = ops::make_rope_table(0, capacity, d, 10000.0);
  Context context(1);
  const Tensor both = Tensor::from(fused, {rows, 2 * kv_heads, d});
  Tensor k = both.slice(1, 0, kv_heads);
  const Shape cache{capacity, kv_heads, d};
  const std::vector<float> untouched(static_cast<size_t>(cache.numel()), 7.0f);
  const Tensor expected_k = Tensor::from(untouched, cache),
               expected_v = Tensor::from(untouched, cache);
  ops::rope_append(context, k, both.slice(1, kv_heads, 2 * kv_heads), table, past, expected_k,
                   expected_v);

  const DeviceArray<float> x(fused), cos(table.cos.to_vector()), sin(table.sin.to_vector());
  const DeviceArray<float> keys(untouched), values(untouched);
  cuda::RopeAppend p;
  p.k = x.get(), p.v = p.k + kv_heads * d;
  p.cache_k = keys.get(), p.cache_v = values.get(), p.cos = cos.get(), p.sin = sin.get();
  p.k_row = p.v_row = width;
  p.rows = rows, p.kv_heads = kv_heads, p.d = d;
  p.position = past;
  cuda::rope_append(nullptr, p);
  check_close(keys.read(), expected_k.to_vector(), 1e-7, "keys");
  check(values.read() == expected_v.to_vector(), "values differ");
}

}  // namespace

TEST_CASE("cuda rope_append: turns the keys, fills the cache, leaves the rest") {
  for_each_order([] {
    run(1, 1, 128, 5);
    run(3, 2, 6, 0);
    run(2, 4, 64, 9);
  });
}

}  // namespace vmolmo::test
