#include <cuda_bf16.h>

#include "native/kernels/cuda/rope_append.h"

#include "native/ops/step_rows.h"
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

// Against the op on the CPU, row by row; the cache as f32 and as bf16.
TEST_CASE("cuda rope_append: a step's rows go to their places, queries turn with them") {
  constexpr int64_t kRows = 4, kHeads = 3, kKvHeads = 1, kSize = 10, kCapacity = 9, kSlots = 3;
  Random random(8);
  Context context(1);
  const int64_t width = (kHeads + 2 * kKvHeads) * kSize;
  const auto fused = random.normal(kRows * width);
  const ops::RopeTable table = ops::make_rope_table(0, kCapacity, kSize, 10000.0);
  const Tensor slots = Tensor::from(std::vector<int32_t>{1, 1, 0, 2}, {kRows});
  const Tensor positions = Tensor::from(std::vector<int32_t>{3, 4, 0, 8}, {kRows});
  const Tensor all = Tensor::from(fused, {kRows, kHeads + 2 * kKvHeads, kSize});
  Tensor q = all.slice(1, 0, kHeads), k = all.slice(1, kHeads, kHeads + kKvHeads);
  const Shape cache{kSlots, kCapacity, kKvHeads, kSize};
  const std::vector<float> untouched(static_cast<size_t>(cache.numel()), 7.0f);
  const Tensor keys = Tensor::from(untouched, cache), values = Tensor::from(untouched, cache);
  ops::rope_append(context, q, k, all.slice(1, kHeads + kKvHeads, kHeads + 2 * kKvHeads), table,
                   {slots, positions, kCapacity}, keys, values);

  const DeviceArray<float> cos(table.cos.to_vector()), sin(table.sin.to_vector());
  const DeviceArray<int32_t> device_slots({1, 1, 0, 2}), device_positions({3, 4, 0, 8});
  for_each_order([&] {
    const DeviceArray<float> x(fused), wide_k(untouched), wide_v(untouched);
    const std::vector<__nv_bfloat16> narrow(untouched.begin(), untouched.end());
    const DeviceArray<__nv_bfloat16> narrow_k(narrow), narrow_v(narrow);
    cuda::RopeAppend p;
    p.q = x.get(), p.k = p.q + kHeads * kSize, p.v = p.k + kKvHeads * kSize;
    p.q_row = p.k_row = p.v_row = width;
    p.cache_k = wide_k.get(), p.cache_v = wide_v.get(), p.cos = cos.get(), p.sin = sin.get();
    p.rows = kRows, p.heads = kHeads, p.kv_heads = kKvHeads, p.d = kSize;
    p.slots = device_slots.get(), p.positions = device_positions.get();
    p.slot_step = kCapacity * kKvHeads * kSize;
    cuda::rope_append(nullptr, p);
    check_close(wide_k.read(), keys.to_vector(), 1e-7, "keys");
    check(wide_v.read() == values.to_vector(), "values differ");
    const std::vector<float> turned = x.read(), expected = q.clone(cpu_heap()).to_vector();
    for (int64_t row = 0; row < kRows; ++row) {
      const auto from = turned.begin() + row * width;
      check_close(
          {from, from + kHeads * kSize},
          {expected.begin() + row * kHeads * kSize, expected.begin() + (row + 1) * kHeads * kSize},
          1e-7, "queries of row ", row);
    }
    const DeviceArray<float> again(fused);
    p.q = again.get(), p.k = p.q + kHeads * kSize, p.v = p.k + kKvHeads * kSize;
    p.cache_k = narrow_k.get(), p.cache_v = narrow_v.get(), p.bf16 = true;
    cuda::rope_append(nullptr, p);
    const auto wide = wide_k.read();
    const auto rounded = narrow_k.read();
    for (size_t i = 0; i < wide.size(); ++i)
      check(float(rounded[i]) == float(BFloat16(wide[i])), "key ", i, " is not rounded to bf16");
  });
}

TEST_CASE("cuda rope_append: turns the keys, fills the cache, leaves the rest") {
  for_each_order([] {
    run(1, 1, 128, 5);
    run(3, 2, 6, 0);
    run(2, 4, 64, 9);
  });
}

}  // namespace vmolmo::test
