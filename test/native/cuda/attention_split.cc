#include <cuda_bf16.h>

#include "native/kernels/cuda/attention_split.h"

#include "native/kernels/cpu/reference.h"
#include "test/native/cuda/support.h"

namespace vmolmo::test {
namespace {

struct Lengths {
  int32_t nq, nk, offset = 0;
};
struct Problem {
  int32_t heads, kv_heads, d;
  std::vector<Lengths> sequences;
  bool causal = false;
  bool bf16 = false;
};

std::vector<float> rounded(std::vector<float> values) {
  for (float& v : values) v = static_cast<float>(BFloat16(v));
  return values;
}

// Keys or values on the device, as f32 or bf16.
struct DeviceKeys {
  DeviceArray<float> wide;
  DeviceArray<__nv_bfloat16> narrow;

  explicit DeviceKeys(const std::vector<float>& values)
      : wide(values), narrow(std::vector<__nv_bfloat16>(values.begin(), values.end())) {}
  const void* get(bool bf16) const {
    return bf16 ? static_cast<const void*>(narrow.get()) : wide.get();
  }
};

// One sequence: values on both sides.
struct Sequence {
  Lengths lengths;
  std::vector<float> q, k, v;
  DeviceArray<float> device_q, out;
  DeviceKeys device_k, device_v;

  Sequence(Random& random, const Problem& p, Lengths s)
      : lengths(s),
        q(random.normal(s.nq * p.heads * p.d, 3.0f)),
        k(random.normal(s.nk * p.kv_heads * p.d)),
        v(random.normal(s.nk * p.kv_heads * p.d)),
        device_q(q),
        out(static_cast<size_t>(s.nq * p.heads * p.d)),
        device_k(k),
        device_v(v) {
    if (p.bf16) k = rounded(k), v = rounded(v);
  }

  cuda::SplitSequence view(const Problem& p) const {
    cuda::SplitSequence t;
    t.q = device_q.get(), t.out = out.get();
    t.k = device_k.get(p.bf16), t.v = device_v.get(p.bf16);
    t.q_row = p.heads * p.d, t.k_row = t.v_row = p.kv_heads * p.d;
    t.q_head = t.k_head = t.v_head = p.d;
    t.nq = lengths.nq, t.nk = lengths.nk, t.offset = lengths.offset;
    return t;
  }

  std::vector<float> head(const std::vector<float>& x, int32_t heads, int32_t d, int32_t h) const {
    std::vector<float> out_rows;
    for (size_t at = static_cast<size_t>(h * d); at < x.size();
         at += static_cast<size_t>(heads * d))
      out_rows.insert(out_rows.end(), x.begin() + long(at), x.begin() + long(at) + d);
    return out_rows;
  }

  std::vector<float> expected(const Problem& p) const {
    std::vector<float> all(q.size()), one(static_cast<size_t>(lengths.nq * p.d));
    for (int32_t h = 0; h < p.heads; ++h) {
      const int32_t kv = h / (p.heads / p.kv_heads);
      reference::attention(head(q, p.heads, p.d, h).data(), head(k, p.kv_heads, p.d, kv).data(),
                           head(v, p.kv_heads, p.d, kv).data(), one.data(), lengths.nq, lengths.nk,
                           p.d, p.d, 0.125f, p.causal, lengths.offset);
      for (int32_t r = 0; r < lengths.nq; ++r)
        std::copy_n(one.begin() + r * p.d, p.d, all.begin() + (r * p.heads + h) * p.d);
    }
    return all;
  }
};

void run(const Problem& p) {
  Random random(static_cast<uint32_t>(p.d + p.heads));
  std::vector<std::unique_ptr<Sequence>> sequences;
  std::vector<cuda::SplitSequence> views;
  for (const Lengths& s : p.sequences) {
    sequences.push_back(std::make_unique<Sequence>(random, p, s));
    views.push_back(sequences.back()->view(p));
  }
  const cuda::SplitAttention shape{p.heads, p.kv_heads, p.d, 0.125f, p.causal, p.bf16};
  check(cuda::attention_split_supports(shape, views), "refused");
  const DeviceArray<std::byte> workspace(cuda::attention_split_workspace_bytes(shape, views) + 1);
  cuda::attention_split(nullptr, shape, views, workspace.get());
  for (const auto& s : sequences) {
    check_close(s->out.read(), s->expected(p), 2e-6, "heads ", p.heads, "/", p.kv_heads, " of ",
                p.d, ", ", s->lengths.nq, " queries, ", s->lengths.nk, " keys");
  }
}

}  // namespace

TEST_CASE("cuda split attention: head sizes, grouped heads, more rows than a block has") {
  run({.heads = 7, .kv_heads = 1, .d = 128, .sequences = {{1, 33}}});
  run({.heads = 4, .kv_heads = 2, .d = 64, .sequences = {{3, 10}}});
  run({.heads = 3, .kv_heads = 3, .d = 12, .sequences = {{2, 1}}});
  run({.heads = 1, .kv_heads = 1, .d = 256, .sequences = {{17, 50}}});
}

TEST_CASE("cuda split attention: keys in parts, causal, several lengths") {
  for_each_order([] {
    run({.heads = 7,
         .kv_heads = 1,
         .d = 128,
         .sequences = {{4, 100, 96}, {1, 3, 2}, {2, 40, 38}},
         .causal = true});
    run({.heads = 2, .kv_heads = 1, .d = 200, .sequences = {{5, 9, 4}}, .causal = true});
  });
}

TEST_CASE("cuda split attention: keys and values in bf16") {
  for_each_order([] {
    run({.heads = 7,
         .kv_heads = 1,
         .d = 128,
         .sequences = {{4, 100, 96}, {1, 3, 2}},
         .causal = true,
         .bf16 = true});
    run({.heads = 2, .kv_heads = 2, .d = 204, .sequences = {{2, 67}}, .bf16 = true});
  });
}

// docs/cuda.md: with u = 2^-8 and a the largest sum of |q k| scale over the channels of a key,
// every channel of the result moves by at most (u + (1 + u) (exp(2 u a) - 1)) times the mean of
// |v|.
TEST_CASE("cuda split attention: keys and values in bf16 stay within the stated bound") {
  constexpr double kUnit = 1.0 / 256;
  const Problem p{.heads = 3, .kv_heads = 1, .d = 64, .sequences = {}};
  Random random(17);
  const Sequence wide(random, p, {2, 90});
  Problem narrow = p;
  narrow.bf16 = true;
  const cuda::SplitAttention shape{p.heads, p.kv_heads, p.d, 0.125f, false, true};
  const cuda::SplitSequence view = wide.view(narrow);
  const DeviceArray<std::byte> workspace(cuda::attention_split_workspace_bytes(shape, {&view, 1}) +
                                         1);
  cuda::attention_split(nullptr, shape, {&view, 1}, workspace.get());
  const std::vector<float> found = wide.out.read(), exact = wide.expected(p);
  Random again(17);
  Sequence positive(again, p, {2, 90});
  for (float& v : positive.v) v = std::abs(v);
  const std::vector<float> mean = positive.expected(p);
  double largest = 0.0;
  for (size_t row = 0; row < found.size() / 64; ++row) {
    double a = 0.0;
    for (size_t key = 0; key < 90; ++key) {
      double sum = 0.0;
      for (size_t c = 0; c < 64; ++c)
        sum += 0.125 * std::abs(double(wide.q[row * 64 + c]) * wide.k[key * 64 + c]);
      a = std::max(a, sum);
    }
    const double factor = kUnit + (1 + kUnit) * (std::exp(2 * kUnit * a) - 1);
    for (size_t i = row * 64; i < (row + 1) * 64; ++i) {
      const double moved = std::abs(double(found[i]) - exact[i]);
      check(moved <= factor * mean[i] + 1e-5, "channel ", i, " moves by ", moved, ", bound ",
            factor * mean[i]);
      largest = std::max(largest, moved);
    }
  }
  check(largest > 1e-4, "nothing was rounded");
}

// The rows of a step over a cache of three slots, in any order, against each row as a sequence.
void run_step(const Problem& p, const std::vector<int32_t>& slots,
              const std::vector<int32_t>& positions, int32_t longest) {
  constexpr int32_t kSlots = 3, kCapacity = 210;
  Random random(static_cast<uint32_t>(p.d + p.heads));
  const auto m = static_cast<int32_t>(slots.size());
  const int64_t row = p.heads * p.d, step = int64_t{kCapacity} * p.kv_heads * p.d;
  // What lies behind a row's last position is not to be read.
  std::vector<float> k = random.normal(kSlots * step), v = random.normal(kSlots * step);
  for (int32_t slot = 0; slot < kSlots; ++slot) {
    int32_t end = 0;
    for (int32_t i = 0; i < m; ++i)
      if (slots[size_t(i)] == slot) end = std::max(end, positions[size_t(i)] + 1);
    for (auto* x : {&k, &v})
      std::fill(x->begin() + slot * step + end * p.kv_heads * p.d, x->begin() + (slot + 1) * step,
                NAN);
  }
  const DeviceKeys device_k(k), device_v(v);
  const DeviceArray<float> q(random.normal(m * row, 3.0f)), out(static_cast<size_t>(m * row)),
      one(static_cast<size_t>(row));
  out.poison();
  const DeviceArray<int32_t> device_slots(slots), device_positions(positions);
  const cuda::SplitAttention shape{p.heads, p.kv_heads, p.d, 0.125f, true, p.bf16};
  cuda::SplitRows rows;
  rows.q = q.get(), rows.k = device_k.get(p.bf16), rows.v = device_v.get(p.bf16);
  rows.out = out.get(), rows.q_row = row, rows.slot_step = step;
  rows.positions = device_positions.get(), rows.slots = device_slots.get();
  rows.rows = m, rows.longest = longest;
  const DeviceArray<std::byte> workspace(cuda::attention_split_workspace_bytes(shape, rows) + 1);
  workspace.poison();
  cuda::attention_split(nullptr, shape, rows, workspace.get());
  const std::vector<float> all = out.read();
  for (int32_t i = 0; i < m; ++i) {
    cuda::SplitSequence s;
    const size_t slot = size_t(slots[size_t(i)] * step) * (p.bf16 ? 2 : 4);
    s.q = q.get() + i * row, s.out = one.get();
    s.k = static_cast<const std::byte*>(rows.k) + slot;
    s.v = static_cast<const std::byte*>(rows.v) + slot;
    s.q_head = s.k_head = s.v_head = p.d;
    s.k_row = s.v_row = p.kv_heads * p.d;
    s.nq = 1, s.nk = positions[size_t(i)] + 1, s.offset = positions[size_t(i)];
    const DeviceArray<std::byte> space(cuda::attention_split_workspace_bytes(shape, {&s, 1}) + 1);
    cuda::attention_split(nullptr, shape, {&s, 1}, space.get());
    const std::vector<float> expected = one.read();
    check(std::equal(expected.begin(), expected.end(), all.begin() + i * row), "row ", i, " at ",
          positions[size_t(i)], " differs");
  }
}

TEST_CASE("cuda split attention: a step's places are read on the device") {
  for_each_order([] {
    for (const bool bf16 : {false, true}) {
      run_step({.heads = 7, .kv_heads = 1, .d = 128, .sequences = {}, .bf16 = bf16}, {2, 2, 0, 1},
               {0, 1, 63, 64}, 210);
      run_step({.heads = 4, .kv_heads = 2, .d = 12, .sequences = {}, .bf16 = bf16}, {1, 0},
               {205, 128}, 206);
    }
    run_step({.heads = 9, .kv_heads = 1, .d = 64, .sequences = {}}, {0, 1}, {5, 40}, 41);
  });
}

TEST_CASE("cuda split attention: a query's result does not depend on what else is in the call") {
  const Problem p{.heads = 7, .kv_heads = 1, .d = 128, .sequences = {}, .causal = true};
  const cuda::SplitAttention shape{p.heads, p.kv_heads, p.d, 0.125f, true};
  Random random(3);
  const Sequence sequence(random, p, {4, 130, 126});
  const auto rows_of = [&](int32_t first, int32_t count, int32_t keys) {
    cuda::SplitSequence view = sequence.view(p);
    view.q += first * p.heads * p.d;
    view.nq = count, view.nk = keys, view.offset = 126 + first;
    const DeviceArray<float> out(static_cast<size_t>(count * p.heads * p.d));
    view.out = out.get();
    const DeviceArray<std::byte> workspace(
        cuda::attention_split_workspace_bytes(shape, {&view, 1}) + 1);
    cuda::attention_split(nullptr, shape, {&view, 1}, workspace.get());
    return out.read();
  };
  const std::vector<float> all = rows_of(0, 4, 130);
  for (int32_t row = 0; row < 4; ++row) {
    // Alone, query `row` sees 127 + row keys and no more are there.
    const std::vector<float> alone = rows_of(row, 1, 127 + row);
    const auto at = all.begin() + row * p.heads * p.d;
    check(std::equal(alone.begin(), alone.end(), at), "query ", row, " differs");
  }
}

TEST_CASE("cuda split attention: what it does not take") {
  cuda::SplitAttention shape{28, 4, 128, 1.0f, true};
  cuda::SplitSequence s;
  s.nq = 1, s.nk = 2000, s.q_row = s.k_row = s.v_row = 512;
  check(cuda::attention_split_supports(shape, {&s, 1}), "a plain problem");
  s.k_row = 510;
  check(!cuda::attention_split_supports(shape, {&s, 1}), "rows of 510 floats");
  s.k_row = 512, shape.d = 260;
  check(!cuda::attention_split_supports(shape, {&s, 1}), "heads of 260");
}

}  // namespace vmolmo::test
