// Visibility classes and biases on the CPU, against the reference in double.

#include "native/kernels/cpu/attention.h"
#include "test/native/attention.h"

namespace vmolmo::test {
namespace {

struct Masked {
  AttentionProblem problem;
  bool classes = false;
  bool bias = false;
  bool shared = false;  // the bias, by all entries and heads
  int64_t hidden = 0;   // of a hundred keys, by the bias
};

using Path = cpu::AttentionSequence::Path;

// [1 or batch, 1 or heads, nq, nk] as [batch, heads, nq, nk].
std::vector<float> spread(const Masked& m, const std::vector<float>& bias) {
  if (!m.shared) return bias;
  std::vector<float> all;
  for (int64_t i = 0; i < m.problem.batch * m.problem.heads; ++i)
    all.insert(all.end(), bias.begin(), bias.end());
  return all;
}

void run_masked(const cpu::Kernels& kernels, ThreadPool& threads, Random& random, const Masked& m,
                Path path) {
  const AttentionProblem& p = m.problem;
  const auto q = random.normal(p.batch * p.nq * p.heads * p.d, 3.0f);
  const auto k = random.normal(p.batch * p.nk * p.kv_heads * p.d);
  const auto v = random.normal(p.batch * p.nk * p.kv_heads * p.dv);
  const auto classes = m.classes ? random_classes(random, p.nk) : std::vector<int32_t>{};
  const int64_t scores = p.nq * p.nk;
  std::vector<float> bias;
  if (m.bias) bias = random_bias(random, m.shared ? scores : p.batch * p.heads * scores, m.hidden);
  std::vector<float> out(size_t(p.batch * p.nq * p.heads * p.dv), NAN);
  std::vector<cpu::AttentionSequence> sequences;
  for (int64_t b = 0; b < p.batch; ++b) {
    cpu::AttentionSequence s;
    s.q = q.data() + b * p.nq * p.heads * p.d;
    s.k = k.data() + b * p.nk * p.kv_heads * p.d;
    s.v = v.data() + b * p.nk * p.kv_heads * p.dv;
    s.out = out.data() + b * p.nq * p.heads * p.dv;
    s.q_row = p.heads * p.d, s.k_row = p.kv_heads * p.d, s.v_row = p.kv_heads * p.dv;
    s.q_head = s.k_head = p.d, s.v_head = p.dv;
    s.nq = p.nq, s.nk = p.nk;
    s.scale = 1.0f / std::sqrt(float(p.d));
    s.causal = p.causal, s.offset = p.offset;
    if (m.bias) s.bias = bias.data() + (m.shared ? 0 : b * p.heads * scores);
    s.bias_head = m.shared ? 0 : scores, s.bias_row = p.nk;
    if (m.classes) s.classes = classes.data() + p.offset;
    s.path = path;
    sequences.push_back(s);
  }
  cpu::attention(kernels, threads, cpu_heap(), {p.heads, p.kv_heads, p.d, p.dv}, sequences);
  const auto expected = expected_attention(p, q, k, v, spread(m, bias), classes);
  check_close(out, expected, 5e-6, kernels.name, " masked attention B", p.batch, " Nq", p.nq, " Nk",
              p.nk, " H", p.heads, "/", p.kv_heads, " D", p.d, m.classes ? " classes" : "",
              m.bias ? " bias" : "", path == Path::kDirect ? " direct" : "");
}

TEST_CASE("attention with classes and bias: every instruction set and path, odd shapes") {
  ThreadPool threads(2);
  for (const cpu::Kernels* kernels : cpu::supported_kernels()) {
    Random random(31);
    for (const Path path : {Path::kBlocks, Path::kDirect}) {
      for (int round = 0; round < 12; ++round) {
        const int64_t nq = random.integer(1, 190), offset = random.integer(0, 90);
        const int64_t nk = nq + offset + random.integer(0, 30), d = random.integer(1, 90);
        const AttentionProblem causal{1, nq, nk, 4, 2, d, random.integer(1, 90), true, offset};
        AttentionProblem batch{3, nq, nk, 4, 2, d, d};
        run_masked(*kernels, threads, random, {causal, true}, path);
        run_masked(*kernels, threads, random, {causal, true, true}, path);
        run_masked(*kernels, threads, random, {causal, false, true, true, 10}, path);
        run_masked(*kernels, threads, random, {batch, false, true, true}, path);
        run_masked(*kernels, threads, random, {batch, false, true, false, 30}, path);
      }
    }
  }
}

TEST_CASE("attention with a bias: a query without keys gives zeros, windows of a few keys") {
  ThreadPool threads(1);
  for (const cpu::Kernels* kernels : cpu::supported_kernels()) {
    Random random(32);
    for (const Path path : {Path::kBlocks, Path::kDirect}) {
      run_masked(*kernels, threads, random, {{7, 1, 9, 2, 2, 24, 24}, false, true, false, 60},
                 path);
      run_masked(*kernels, threads, random, {{2, 37, 3, 2, 1, 8, 8}, false, true, false, 80}, path);
      run_masked(*kernels, threads, random, {{1, 40, 200, 1, 1, 8, 8}, false, true, true, 100},
                 path);
    }
  }
}

// q, k and v of one sequence, four heads of 32 that share two.
struct Sequence {
  Tensor q, k, v;
  Sequence(Random& random, int64_t nq, int64_t nk)
      : q(Tensor::from(random.normal(nq * 4 * 32), {1, nq, 4, 32})),
        k(Tensor::from(random.normal(nk * 2 * 32), {1, nk, 2, 32})),
        v(Tensor::from(random.normal(nk * 2 * 32), {1, nk, 2, 32})) {}
};

TEST_CASE("attention: classes may be given for the last keys alone, and change no row of text") {
  Context context(2);
  Random random(33);
  const int64_t nq = 70, nk = 111, offset = nk - nq;
  const Sequence s(random, nq, nk);
  std::vector<int32_t> classes = random_classes(random, nk);
  ops::AttentionOptions options;
  options.causal = true, options.query_offset = offset;
  for (const ops::RowPath path : {ops::RowPath::kBlock, ops::RowPath::kStream}) {
    options.path = path;
    options.visibility = {};
    const auto plain = ops::attention(context, s.q, s.k, s.v, options).to_vector();
    options.visibility = Tensor::from(classes, {nk});
    const auto all = ops::attention(context, s.q, s.k, s.v, options).to_vector();
    options.visibility = options.visibility.slice(0, offset - 3, nk);
    check(ops::attention(context, s.q, s.k, s.v, options).to_vector() == all, "the last classes");
    int64_t text = 0, seeing = 0;
    for (int64_t i = 0; i < nq; ++i) {
      const bool same =
          std::equal(all.begin() + i * 128, all.begin() + (i + 1) * 128, plain.begin() + i * 128);
      const int32_t own = classes[size_t(offset + i)];
      check(own >= 0 || same, "text at ", i, " sees something else");
      (own < 0 ? text : seeing) += own < 0 || !same;
    }
    check(text > 0 && seeing > 20, text, " rows of text, ", seeing, " that see ahead");
  }
}

TEST_CASE("attention: classes and biases that do not fit are refused") {
  Context context(1);
  Random random(34);
  const Sequence s(random, 5, 9);
  const auto refused = [&](const ops::AttentionOptions& options) {
    check_throws(Code::kInternal, [&] { ops::attention(context, s.q, s.k, s.v, options); });
  };
  ops::AttentionOptions options;
  options.visibility = Tensor::from(std::vector<int32_t>(9, 0), {9});
  refused(options);  // not causal
  options.causal = true;
  options.query_offset = 5;
  refused(options);  // the last query has no key
  options.query_offset = 3;
  options.visibility = Tensor::from(std::vector<int32_t>(5, 0), {5});
  refused(options);  // the first query has no class
  options.visibility = Tensor::from(std::vector<int32_t>(10, 0), {10});
  refused(options);
  options.visibility = Tensor::from(std::vector<float>(9, 0.0f), {9});
  refused(options);
  options.visibility = {};
  for (const Shape& shape : {Shape{5, 9}, Shape{3, 5, 9}, Shape{4, 9, 5}, Shape{2, 4, 5, 9}}) {
    options.bias = Tensor::from(random.normal(shape.numel()), shape);
    refused(options);
  }
  options.bias = Tensor::from(std::vector<int32_t>(4 * 5 * 9), {4, 5, 9});
  refused(options);
}

}  // namespace
}  // namespace vmolmo::test
