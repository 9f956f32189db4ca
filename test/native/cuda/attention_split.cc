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
  bool past_on_device = false;
};

// One sequence: values on both sides. Keys and values of a head lie in rows with a gap behind them,
// as in a cache.
struct Sequence {
  Lengths lengths;
  std::vector<float> q, k, v;
  DeviceArray<float> device_q, device_k, device_v, out;
  DeviceArray<int32_t> past;

  Sequence(Random& random, const Problem& p, Lengths s)
      : lengths(s),
        q(random.normal(s.nq * p.heads * p.d, 3.0f)),
        k(random.normal(s.nk * p.kv_heads * p.d)),
        v(random.normal(s.nk * p.kv_heads * p.d)),
        device_q(q),
        device_k(k),
        device_v(v),
        out(static_cast<size_t>(s.nq * p.heads * p.d)),
        past(std::vector<int32_t>{s.nk - s.nq}) {}

  cuda::SplitSequence view(const Problem& p) const {
    cuda::SplitSequence t;
    t.q = device_q.get(), t.k = device_k.get(), t.v = device_v.get(), t.out = out.get();
    t.q_row = p.heads * p.d, t.k_row = t.v_row = p.kv_heads * p.d;
    t.q_head = t.k_head = t.v_head = p.d;
    t.nq = lengths.nq, t.nk = lengths.nk, t.offset = lengths.offset;
    if (p.past_on_device) {
      t.past = past.get();
      t.nk = 10 * lengths.nk;
      t.offset = 0;
    }
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
  const cuda::SplitAttention shape{p.heads, p.kv_heads, p.d, 0.125f, p.causal};
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

TEST_CASE("cuda split attention: the length is read on the device") {
  run({.heads = 4,
       .kv_heads = 2,
       .d = 64,
       .sequences = {{1, 30, 29}, {3, 7, 4}},
       .causal = true,
       .past_on_device = true});
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
