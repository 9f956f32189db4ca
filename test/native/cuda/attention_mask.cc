// Visibility classes and biases: every kernel of the device against the CPU, on random shapes.

#include "native/ops/attention.h"
#include "native/ops/copy.h"
#include "native/ops/elementwise.h"
#include "test/native/attention.h"
#include "test/native/cuda/pair.h"

namespace vmolmo::test {
namespace {

using ops::AttentionOptions;
using ops::RowPath;

// A kernel, by what makes choose_attention() name it.
struct Kernel {
  const char* name;
  Products products;
  RowPath path;
  int64_t unit;       // head sizes are multiples of it
  int64_t most_rows;  // queries
  double tolerance;
};
constexpr Kernel kSimple{"simple", Products::kExact, RowPath::kBlock, 1, 70, 3e-6};
constexpr Kernel kSplit{"split", Products::kExact, RowPath::kStream, 4, 12, 3e-6};
constexpr Kernel kTensor{"tensor", Products::kTensorCores, RowPath::kBlock, 1, 150, 3e-3};

struct Case {
  int64_t batch, nq, nk, heads, kv_heads, d;
  AttentionOptions options;
};

class Masks {
 public:
  explicit Masks(const Kernel& kernel) : kernel_(kernel) {
    pair_.gpu.set_products(kernel.products);
  }

  Case random_case(int64_t batch) {
    constexpr std::pair<int64_t, int64_t> kHeads[] = {{4, 2}, {3, 3}, {6, 1}};
    const auto [heads, kv_heads] = kHeads[random().integer(0, 2)];
    Case c{batch, random().integer(1, kernel_.most_rows), 0, heads, kv_heads, 0, {}};
    c.options.query_offset = random().integer(0, 90);
    c.nk = c.options.query_offset + c.nq + random().integer(0, 20);
    c.d = kernel_.unit * random().integer(1, 90 / kernel_.unit);
    c.options.path = kernel_.path;
    return c;
  }
  Tensor classes(const Case& c) {
    // Of the last keys alone, as behind a prefix.
    const int64_t count = c.nk - random().integer(0, c.options.query_offset);
    return Tensor::from(random_classes(random(), count), {count});
  }
  Tensor bias(const Case& c, bool own_batch, bool own_heads, int64_t hidden = 0) {
    Shape shape{own_heads ? c.heads : 1, c.nq, c.nk};
    if (own_batch) shape = {c.batch, shape[0], c.nq, c.nk};
    return Tensor::from(random_bias(random(), shape.numel(), hidden), shape);
  }
  void compare(const Case& c) {
    const Tensor q = rounded({c.batch, c.nq, c.heads, c.d}, 2.0f);
    const Tensor k = rounded({c.batch, c.nk, c.kv_heads, c.d});
    const Tensor v = rounded({c.batch, c.nk, c.kv_heads, c.d});
    pair_.compare(kernel_.name, kernel_.tolerance, [&](Context& context, auto to) {
      return ops::attention(context, to(q), to(k), to(v), moved(c.options, to));
    });
  }
  // Sequences with and without masks in one call.
  void compare_sequences(const std::vector<Case>& cases) {
    std::vector<Tensor> all;
    const int64_t heads = 4, kv_heads = 2, d = 32;
    for (const Case& c : cases) {
      all.push_back(rounded({c.nq, heads, d}, 2.0f));
      all.push_back(rounded({c.nk, kv_heads, d}));
      all.push_back(rounded({c.nk, kv_heads, d}));
    }
    pair_.compare(kernel_.name, kernel_.tolerance, [&](Context& context, auto to) {
      std::vector<Tensor> q, k, v;
      std::vector<AttentionOptions> options;
      for (size_t i = 0; i < cases.size(); ++i) {
        q.push_back(to(all[3 * i])), k.push_back(to(all[3 * i + 1]));
        v.push_back(to(all[3 * i + 2])), options.push_back(moved(cases[i].options, to));
      }
      return ops::concat(context, ops::attention_varlen(context, q, k, v, options), 0);
    });
  }
  Random& random() { return pair_.random; }

 private:
  // Values that bf16 holds, so that both sides compute with the same ones.
  Tensor rounded(Shape shape, float scale = 1.0f) {
    Tensor x = pair_.normal(shape, scale);
    ops::round_to_bf16_inplace(pair_.cpu, x);
    return x;
  }
  template <typename Move>
  static AttentionOptions moved(AttentionOptions options, const Move& to) {
    if (options.visibility) options.visibility = to(options.visibility);
    if (options.bias) options.bias = to(options.bias);
    return options;
  }

  Kernel kernel_;
  Pair pair_;
};

void compare_all(const Kernel& kernel, int rounds) {
  Masks masks(kernel);
  for (int round = 0; round < rounds; ++round) {
    Case c = masks.random_case(1 + round % 2);
    c.options.causal = true;
    c.options.visibility = masks.classes(c);
    masks.compare(c);
    c.options.bias = masks.bias(c, round % 2 == 0, true);
    masks.compare(c);
    Case windows = masks.random_case(3);
    windows.options.bias = masks.bias(windows, false, round % 2 == 0);
    masks.compare(windows);
    windows.options.bias = masks.bias(windows, true, round % 2 == 1, 40);
    masks.compare(windows);
  }
}

TEST_CASE("cuda masked attention: the simple kernel") { compare_all(kSimple, 6); }
TEST_CASE("cuda masked attention: the kernel that splits the keys of few queries") {
  compare_all(kSplit, 6);
}
TEST_CASE("cuda masked attention: the tensor-core kernel") { compare_all(kTensor, 6); }

TEST_CASE("cuda masked attention: few queries whose keys the tensor cores take in parts") {
  Masks masks({"tensor, parts", Products::kTensorCores, RowPath::kAuto, 1, 1, 3e-3});
  Case c{2, 40, 520, 4, 2, 52, {}};
  c.options.causal = true, c.options.query_offset = 430;
  c.options.visibility = masks.classes(c);
  masks.compare(c);
  c.options.bias = masks.bias(c, true, true, 50);
  masks.compare(c);
}

TEST_CASE("cuda masked attention: a query whose keys are all hidden gives zeros") {
  for (const Kernel& kernel : {kSimple, kSplit, kTensor}) {
    Masks masks(kernel);
    Case c{2, 5, 70, 2, 1, 32, {}};
    c.options.path = kernel.path;
    c.options.bias = masks.bias(c, true, true);
    for (int64_t key = 0; key < c.nk; ++key)
      c.options.bias.data<float>()[3 * c.nk + key] = -INFINITY;
    // Nothing to see in the first keys either, which a kernel meets alone.
    for (int64_t key = 0; key < 66; ++key) c.options.bias.data<float>()[key] = -INFINITY;
    masks.compare(c);
  }
}

TEST_CASE("cuda masked attention: sequences with and without masks in one call") {
  for (const Kernel& kernel : {kSimple, kSplit, kTensor}) {
    Masks masks(kernel);
    std::vector<Case> cases;
    for (int i = 0; i < 3; ++i) {
      Case c = masks.random_case(1);
      c.heads = 4;
      c.options.causal = true;
      if (i != 1) c.options.visibility = masks.classes(c);
      if (i == 2) c.options.bias = masks.bias(c, false, true);
      cases.push_back(c);
    }
    masks.compare_sequences(cases);
  }
}

}  // namespace
}  // namespace vmolmo::test
