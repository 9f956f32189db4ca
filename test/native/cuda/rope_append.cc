#include "native/kernels/cuda/rope_append.h"

#include "native/ops/rope.h"
#include "test/native/cuda/support.h"

namespace vmolmo::test {
namespace {

// q, k and v as a fused projection leaves them: side by side in one row.
void run(int64_t rows, int64_t heads, int64_t kv_heads, int64_t d, int64_t past, bool on_device) {
  Random random(static_cast<uint32_t>(rows * d));
  const int64_t width = (heads + 2 * kv_heads) * d, capacity = past + rows + 2;
  const auto fused = random.normal(rows * width);
  const ops::RopeTable table = ops::make_rope_table(0, capacity, d, 10000.0);
  Context context(1);
  Tensor turned = Tensor::from(fused, {rows, heads + 2 * kv_heads, d});
  Tensor to_turn = turned.slice(1, 0, heads + kv_heads);
  ops::rope_rotate_half(context, to_turn, table, past);

  const DeviceArray<float> x(fused), cos(table.cos.to_vector()), sin(table.sin.to_vector());
  const size_t cached = static_cast<size_t>(capacity * kv_heads * d);
  const DeviceArray<float> keys(std::vector<float>(cached, 7.0f));
  const DeviceArray<float> values(std::vector<float>(cached, 7.0f));
  const DeviceArray<int32_t> position(std::vector<int32_t>{static_cast<int32_t>(past)});
  cuda::RopeAppend p;
  p.q = x.get(), p.k = x.get() + heads * d, p.v = p.k + kv_heads * d;
  p.cache_k = keys.get(), p.cache_v = values.get(), p.cos = cos.get(), p.sin = sin.get();
  p.q_row = p.k_row = p.v_row = width;
  p.rows = rows, p.heads = heads, p.kv_heads = kv_heads, p.d = d;
  p.position = on_device ? -1 : past;
  p.past = on_device ? position.get() : nullptr;
  cuda::rope_append(nullptr, p);

  const std::vector<float> got = x.read(), k = keys.read(), v = values.read();
  const auto near = [](float a, float b) { return std::abs(a - b) <= 1e-6f * (1 + std::abs(b)); };
  for (int64_t row = 0; row < capacity; ++row) {
    const bool written = row >= past && row < past + rows;
    const float* expected =
        written ? turned.data<float>() + (row - past) * width + heads * d : nullptr;
    for (int64_t i = 0; i < kv_heads * d; ++i) {
      const size_t at = static_cast<size_t>(row * kv_heads * d + i);
      check(near(k[at], written ? expected[i] : 7.0f), "key ", row, " ", i);
      check(near(v[at], written ? expected[kv_heads * d + i] : 7.0f), "value ", row, " ", i);
    }
  }
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t i = 0; i < heads * d; ++i)
      check(near(got[size_t(row * width + i)], turned.data<float>()[row * width + i]), "query ",
            row, " ", i);
}

}  // namespace

TEST_CASE("cuda rope_append: turns queries and keys, fills the cache, leaves the rest") {
  for_each_order([] {
    run(1, 7, 1, 128, 5, false);
    run(3, 2, 2, 6, 0, false);
    run(2, 4, 2, 64, 9, true);
  });
}

}  // namespace vmolmo::test
