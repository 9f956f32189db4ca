#include <algorithm>

#include "bench/cuda/kernels/cases.h"
#include "native/kernels/cuda/window_wide.h"

namespace vmolmo::cuda_bench {
namespace {

constexpr int64_t kHeads = 16, kHead = 64, kWidth = kHeads * kHead;

struct Operands {
  std::vector<float> q, k, v;
  std::vector<Shared<float>> device_q, device_k, device_v, out;  // per set
};

double sampled_error(const Operands& o, int64_t windows, int64_t queries, Numbers& numbers) {
  const std::vector<float> out = o.out[0]->read();
  std::vector<double> actual, expected;
  for (const size_t at : samples(numbers, static_cast<size_t>(windows * queries * kHeads), 200)) {
    const auto row = static_cast<int64_t>(at) / kHeads, head = static_cast<int64_t>(at) % kHeads;
    const float* q = o.q.data() + row * kWidth + head * kHead;
    const int64_t keys = row / queries * 4 * kWidth + head * kHead;
    double weights[4], top = -INFINITY, total = 0.0;
    for (int64_t j = 0; j < 4; ++j) {
      weights[j] = 0.0;
      for (int64_t c = 0; c < kHead; ++c)
        weights[j] += static_cast<double>(q[c]) * o.k[static_cast<size_t>(keys + j * kWidth + c)];
      weights[j] /= 8.0;
      top = std::max(top, weights[j]);
    }
    for (double& weight : weights) total += weight = std::exp(weight - top);
    for (int64_t c = 0; c < kHead; ++c) {
      double sum = 0.0;
      for (int64_t j = 0; j < 4; ++j)
        sum += weights[j] / total * o.v[static_cast<size_t>(keys + j * kWidth + c)];
      expected.push_back(sum);
      actual.push_back(out[static_cast<size_t>(row * kWidth + head * kHead + c)]);
    }
  }
  return relative_l2(actual, expected);
}

Case make(int64_t windows, int64_t queries, const Sizes& sizes) {
  if (sizes.tiny) windows = 5;
  auto numbers = std::make_shared<Numbers>(sizes.seed);
  auto o = std::make_shared<Operands>();
  o->q = numbers->floats(static_cast<size_t>(windows * queries * kWidth), 2.0f);
  o->k = numbers->floats(static_cast<size_t>(windows * 4 * kWidth), 2.0f);
  o->v = numbers->floats(static_cast<size_t>(windows * 4 * kWidth));
  Case c;
  c.bytes = 4.0 * static_cast<double>(2 * o->q.size() + o->k.size() + o->v.size());
  c.tolerance = 1e-5;
  c.sets = sizes.sets(c.bytes);
  for (int set = 0; set < c.sets; ++set) {
    o->device_q.push_back(upload(o->q));
    o->device_k.push_back(upload(o->k));
    o->device_v.push_back(upload(o->v));
    o->out.push_back(reserve<float>(o->q.size()));
  }
  c.run = [=](cudaStream_t stream, int set) {
    const auto at = static_cast<size_t>(set);
    cuda::WindowAttention p;
    p.q = o->device_q[at]->get(), p.k = o->device_k[at]->get(), p.v = o->device_v[at]->get();
    p.out = o->out[at]->get();
    p.windows = windows, p.queries = queries, p.heads = kHeads, p.d = kHead;
    p.scale = 0.125f;
    cuda::window_attention_wide(stream, p);
  };
  c.error = [=] {
    o->out[0]->poison();
    c.run(nullptr, 0);
    return sampled_error(*o, windows, queries, *numbers);
  };
  return c;
}

}  // namespace

std::vector<Entry> window_cases() {
  return {{"window attention: 13 crops, 4 queries",
           [](const Sizes& sizes) { return make(13 * 144, 4, sizes); }},
          {"window attention: 13 crops, pooling",
           [](const Sizes& sizes) { return make(13 * 144, 1, sizes); }}};
}

}  // namespace vmolmo::cuda_bench
