#include "native/ops/attention.h"

#include "native/kernels/cpu/attention.h"
#include "native/ops/window_attention.h"
#include "test/native/attention.h"

namespace vmolmo::test {
namespace {

void run_problem(const cpu::Kernels& kernels, ThreadPool& threads, Random& random,
                 const AttentionProblem& p) {
  // Scores with a spread of several units, so that the running maximum moves.
  const auto q = random.normal(p.batch * p.nq * p.heads * p.d, 3.0f);
  const auto k = random.normal(p.batch * p.nk * p.kv_heads * p.d);
  const auto v = random.normal(p.batch * p.nk * p.kv_heads * p.dv);
  std::vector<float> out(size_t(p.batch * p.nq * p.heads * p.dv), NAN);
  std::vector<cpu::AttentionSequence> sequences;
  for (int64_t b = 0; b < p.batch; ++b) {
    cpu::AttentionSequence s;
    s.q = q.data() + b * p.nq * p.heads * p.d;
    s.k = k.data() + b * p.nk * p.kv_heads * p.d;
    s.v = v.data() + b * p.nk * p.kv_heads * p.dv;
    s.out = out.data() + b * p.nq * p.heads * p.dv;
    s.q_row = p.heads * p.d;
    s.k_row = p.kv_heads * p.d;
    s.v_row = p.kv_heads * p.dv;
    s.q_head = s.k_head = p.d;
    s.v_head = p.dv;
    s.nq = p.nq;
    s.nk = p.nk;
    s.scale = 1.0f / std::sqrt(float(p.d));
    s.causal = p.causal;
    s.offset = p.offset;
    sequences.push_back(s);
  }
  cpu::attention(kernels, threads, cpu_heap(), {p.heads, p.kv_heads, p.d, p.dv}, sequences);
  check_close(out, expected_attention(p, q, k, v), 5e-6, kernels.name, " attention B", p.batch,
              " Nq", p.nq, " Nk", p.nk, " H", p.heads, "/", p.kv_heads, " D", p.d, " Dv", p.dv,
              p.causal ? " causal" : "");
}

TEST_CASE("attention: every instruction set, lengths, head sizes, groups, causal") {
  ThreadPool single(1), threads(2);
  for (const cpu::Kernels* kernels : cpu::supported_kernels()) {
    Random random(11);
    for (int64_t d : {8, 16, 24, 32, 64, 96, 128, 256}) {
      run_problem(*kernels, single, random,
                  {2, random.integer(1, 90), random.integer(1, 300), 2, 2, d, d});
      run_problem(
          *kernels, single, random,
          {1, random.integer(1, 90), random.integer(1, 900), 4, 2, d, 8 * random.integer(1, 9)});
      const int64_t nq = random.integer(1, 200), offset = random.integer(0, 300);
      run_problem(*kernels, single, random, {1, nq, nq + offset, 6, 2, d, d, true, offset});
    }
    run_problem(*kernels, threads, random, {1, 150, 1700, 1, 1, 256, 64});
    run_problem(*kernels, threads, random, {40, 16, 16, 3, 3, 96, 96});
    run_problem(*kernels, threads, random, {5, 49, 196, 2, 2, 96, 96});
    run_problem(*kernels, threads, random, {1, 1, 700, 14, 2, 64, 64, true, 699});
    run_problem(*kernels, threads, random, {1, 9, 2000, 8, 8, 16, 16});
    run_problem(*kernels, threads, random, {1, 700, 9, 8, 8, 16, 16});
    run_problem(*kernels, threads, random, {1, 7, 5, 1, 1, 13, 3});
  }
}

TEST_CASE("attention: strided views of one projection, own scale") {
  Context context(2);
  Random random(12);
  const int64_t n = 37, heads = 3, d = 16;
  const Tensor qkv = Tensor::from(random.normal(2 * n * 3 * heads * d), {2, n, 3 * heads, d});
  const Tensor q = qkv.slice(2, 0, heads), k = qkv.slice(2, heads, 2 * heads),
               v = qkv.slice(2, 2 * heads, 3 * heads);
  const AttentionProblem p{2, n, n, heads, heads, d, d};
  const Tensor scaled = Tensor::from(q.clone(cpu_heap()).to_vector(), q.shape());
  const auto expected =
      expected_attention(p, q.clone(cpu_heap()).to_vector(), k.clone(cpu_heap()).to_vector(),
                         v.clone(cpu_heap()).to_vector());
  check_close(ops::attention(context, q, k, v).to_vector(), expected, 5e-6, "views");
  ops::AttentionOptions options;
  options.scale = 0.25f;
  check_close(ops::attention(context, scaled, k, v, options).to_vector(), expected, 5e-6, "scale");
  check_throws(Code::kInternal, [&] { ops::attention(context, q, k.slice(1, 0, 5), v); });
}

TEST_CASE("attention_varlen equals one call per sequence") {
  Context context(2);
  Random random(13);
  std::vector<Tensor> q, k, v;
  std::vector<ops::AttentionOptions> options;
  for (auto [nq, nk] : {std::pair<int64_t, int64_t>{5, 9}, {70, 333}, {1, 40}, {128, 128}}) {
    q.push_back(Tensor::from(random.normal(nq * 4 * 32), {nq, 4, 32}));
    k.push_back(Tensor::from(random.normal(nk * 2 * 32), {nk, 2, 32}));
    v.push_back(Tensor::from(random.normal(nk * 2 * 32), {nk, 2, 32}));
    options.push_back({0.0f, nq == nk, 0});
  }
  const auto results = ops::attention_varlen(context, q, k, v, options);
  for (size_t i = 0; i < q.size(); ++i) {
    const auto batched = [](const Tensor& x) {
      return x.reshape({1, x.dim(0), x.dim(1), x.dim(2)});
    };
    const Tensor one =
        ops::attention(context, batched(q[i]), batched(k[i]), batched(v[i]), options[i]);
    check_close(results[i].to_vector(), one.to_vector(), 2e-6, "sequence ", i);
  }
}

TEST_CASE("window attention: every instruction set, four and one queries") {
  for (const cpu::Kernels* kernels : cpu::supported_kernels()) {
    Random random(14);
    for (int64_t d : {7, 16, 64, 80}) {
      for (int64_t nq : {1, 4}) {
        const int64_t heads = 3, width = heads * d;
        const auto q = random.normal(nq * width, 2.0f), k = random.normal(4 * width),
                   v = random.normal(4 * width);
        std::vector<float> out(q.size(), NAN);
        kernels->attend_window(q.data(), k.data(), v.data(), out.data(), nq, heads, d,
                               1.0f / std::sqrt(float(d)));
        const AttentionProblem p{1, nq, 4, heads, heads, d, d};
        check_close(out, expected_attention(p, q, k, v), 2e-6, kernels->name, " window d", d, " q",
                    nq);
      }
    }
  }
}

TEST_CASE("cut_windows: order of entries, zero row and column for odd sides") {
  Context context(2);
  std::vector<float> values(9);
  for (int i = 0; i < 9; ++i) values[size_t(i)] = float(i + 1);
  const Tensor windows = ops::cut_windows(context, Tensor::from(values, {1, 3, 3, 1}));
  check(windows.shape() == Shape({4, 4, 1}), "shape ", windows.shape());
  const std::vector<float> expected{1, 2, 4, 5, 3, 0, 6, 0, 7, 8, 0, 0, 9, 0, 0, 0};
  check(windows.to_vector() == expected, "wrong entries");
}

}  // namespace
}  // namespace vmolmo::test
