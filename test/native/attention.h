#pragma once

#include "native/kernels/cpu/reference.h"
#include "native/ops/attention.h"
#include "test/native/harness.h"

// Attention of whole problems by the reference, head by head, and masks for it.
namespace vmolmo::test {

struct AttentionProblem {
  int64_t batch, nq, nk, heads, kv_heads, d, dv;
  bool causal = false;
  int64_t offset = 0;
};

// Of x [batch, rows, heads, d], one entry and head: [rows, d].
inline std::vector<float> head_of(const std::vector<float>& x, int64_t rows, int64_t heads,
                                  int64_t d, int64_t entry, int64_t head) {
  std::vector<float> out;
  for (int64_t r = 0; r < rows; ++r) {
    const auto at = x.begin() + ((entry * rows + r) * heads + head) * d;
    out.insert(out.end(), at, at + d);
  }
  return out;
}

// bias: empty or [batch, heads, nq, nk]; classes: empty or [nk].
inline std::vector<float> expected_attention(const AttentionProblem& p, const std::vector<float>& q,
                                             const std::vector<float>& k,
                                             const std::vector<float>& v,
                                             const std::vector<float>& bias = {},
                                             const std::vector<int32_t>& classes = {}) {
  std::vector<float> out(size_t(p.batch * p.nq * p.heads * p.dv));
  std::vector<float> one(size_t(p.nq * p.dv));
  for (int64_t b = 0; b < p.batch; ++b) {
    for (int64_t h = 0; h < p.heads; ++h) {
      const int64_t kv = h / (p.heads / p.kv_heads);
      const auto qh = head_of(q, p.nq, p.heads, p.d, b, h);
      const auto kh = head_of(k, p.nk, p.kv_heads, p.d, b, kv);
      const auto vh = head_of(v, p.nk, p.kv_heads, p.dv, b, kv);
      reference::AttentionMask mask;
      if (!bias.empty()) mask.bias = bias.data() + (b * p.heads + h) * p.nq * p.nk;
      if (!classes.empty()) mask.classes = classes.data();
      reference::attention(qh.data(), kh.data(), vh.data(), one.data(), p.nq, p.nk, p.d, p.dv,
                           1.0f / std::sqrt(float(p.d)), p.causal, p.offset, mask);
      for (int64_t i = 0; i < p.nq; ++i) {
        std::copy_n(one.begin() + i * p.dv, p.dv,
                    out.begin() + ((b * p.nq + i) * p.heads + h) * p.dv);
      }
    }
  }
  return out;
}

// Runs of text and of up to three classes, scattered as frames between times are.
inline std::vector<int32_t> random_classes(Random& random, int64_t count) {
  std::vector<int32_t> classes;
  while (static_cast<int64_t>(classes.size()) < count) {
    const auto kind = static_cast<int32_t>(random.integer(-1, 2));
    const int64_t run = random.integer(1, kind < 0 ? 4 : 40);
    classes.insert(classes.end(), size_t(run), kind);
  }
  classes.resize(size_t(count));
  return classes;
}

// Values of a bias with `hidden` per hundred of them -infinity.
inline std::vector<float> random_bias(Random& random, int64_t count, int64_t hidden = 0) {
  std::vector<float> bias = random.normal(count, 2.0f);
  for (float& value : bias)
    if (random.integer(0, 99) < hidden) value = -INFINITY;
  return bias;
}

}  // namespace vmolmo::test
