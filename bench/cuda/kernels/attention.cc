#include <algorithm>

#include "bench/cuda/kernels/cases.h"
#include "native/kernels/cuda/attention_split.h"
#include "native/kernels/cuda/attention_tensor.h"
#include "native/kernels/cuda/round.h"

namespace vmolmo::cuda_bench {
namespace {

// Every sequence alike.
struct Shape {
  const char* name;
  int32_t sequences, nq, nk, heads, kv_heads, d, dv;
  bool causal;
};

constexpr Shape kTensorShapes[] = {
    {"ViT-L, 13 crops", 13, 577, 577, 16, 16, 64, 64, false},
    {"Qwen2-7B prefill", 1, 1500, 1500, 28, 4, 128, 128, true},
    {"SAM 2 memory, 1 object", 1, 4096, 28736, 1, 1, 256, 64, false},
    {"SAM 2 memory self-attention", 1, 4096, 4096, 1, 1, 256, 256, false},
    {"SAM 2 large, global block", 1, 4096, 4096, 8, 8, 72, 72, false},
};
constexpr Shape kSplitShapes[] = {
    {"decode, 1,500 positions", 1, 1, 1500, 28, 4, 128, 128, true},
    {"decode, 8 sequences", 8, 1, 1500, 28, 4, 128, 128, true},
    {"30 drafted tokens", 1, 30, 1530, 28, 4, 128, 128, true},
};

Shape shrink(Shape s) {
  s.sequences = std::min(s.sequences, 2);
  s.nk = s.nq == s.nk ? 37 : 61;
  s.nq = std::min(s.nq, s.causal && s.nq != 1500 ? s.nq : 37);
  if (s.nq > s.nk) s.nq = s.nk;
  s.heads = std::min(s.heads, 7 * s.kv_heads);
  return s;
}

float scale_of(const Shape& s) { return 1.0f / std::sqrt(static_cast<float>(s.d)); }

// Row-major operands of all sequences, [sequence, row, head, width].
struct Operands {
  std::vector<float> q, k, v;
  Shared<float> out;
  Shared<std::byte> workspace;
  int splits = 1;

  Operands(Numbers& numbers, const Shape& s)
      : q(numbers.floats(count(s, s.nq, s.heads, s.d), 2.0f)),
        k(numbers.floats(count(s, s.nk, s.kv_heads, s.d), 2.0f)),
        v(numbers.floats(count(s, s.nk, s.kv_heads, s.dv))),
        out(reserve<float>(count(s, s.nq, s.heads, s.dv))) {}

  static size_t count(const Shape& s, int32_t rows, int32_t heads, int32_t width) {
    return static_cast<size_t>(s.sequences) * static_cast<size_t>(rows) *
           static_cast<size_t>(heads) * static_cast<size_t>(width);
  }
};

// One output row in double precision.
std::vector<double> attend(const Operands& o, const Shape& s, size_t sequence, size_t query,
                           size_t head) {
  const size_t kv = head / static_cast<size_t>(s.heads / s.kv_heads);
  const auto row = [](const std::vector<float>& x, size_t at, size_t heads, size_t h,
                      size_t width) { return x.data() + (at * heads + h) * width; };
  const auto nq = static_cast<size_t>(s.nq), nk = static_cast<size_t>(s.nk);
  const auto d = static_cast<size_t>(s.d), dv = static_cast<size_t>(s.dv);
  const auto kv_heads = static_cast<size_t>(s.kv_heads);
  const float* q = row(o.q, sequence * nq + query, static_cast<size_t>(s.heads), head, d);
  const size_t seen = s.causal ? nk - nq + query + 1 : nk;
  std::vector<double> scores(seen), out(dv, 0.0);
  for (size_t j = 0; j < seen; ++j) {
    const float* k = row(o.k, sequence * nk + j, kv_heads, kv, d);
    for (size_t c = 0; c < d; ++c) scores[j] += static_cast<double>(q[c]) * k[c];
    scores[j] *= scale_of(s);
  }
  const double top = *std::max_element(scores.begin(), scores.end());
  double total = 0.0;
  for (size_t j = 0; j < seen; ++j) {
    const double weight = std::exp(scores[j] - top);
    const float* v = row(o.v, sequence * nk + j, kv_heads, kv, dv);
    total += weight;
    for (size_t c = 0; c < dv; ++c) out[c] += weight * v[c];
  }
  for (double& value : out) value /= total;
  return out;
}

double sampled_error(const Operands& o, const Shape& s, Numbers& numbers) {
  const std::vector<float> out = o.out->read();
  const auto heads = static_cast<size_t>(s.heads), dv = static_cast<size_t>(s.dv);
  const auto nq = static_cast<size_t>(s.nq);
  std::vector<double> actual, expected;
  for (const size_t at : samples(numbers, static_cast<size_t>(s.sequences) * nq * heads, 40)) {
    const std::vector<double> row = attend(o, s, at / heads / nq, at / heads % nq, at % heads);
    expected.insert(expected.end(), row.begin(), row.end());
    actual.insert(actual.end(), out.begin() + static_cast<long>(at * dv),
                  out.begin() + static_cast<long>((at + 1) * dv));
  }
  return relative_l2(actual, expected);
}

void describe(Case& c, const Shape& s) {
  const double queries = double(s.sequences) * s.nq * s.heads;
  const double keys = double(s.sequences) * s.nk * s.kv_heads;
  const double pairs = s.causal ? queries * (s.nk - (s.nq - 1) / 2.0) : queries * s.nk;
  c.flops = 2.0 * pairs * (s.d + s.dv);
  c.bytes = 2.0 * queries * s.d + 4.0 * queries * s.dv + 2.0 * keys * (s.d + s.dv);
}

Case make_tensor(Shape s, const Sizes& sizes) {
  if (sizes.tiny) s = shrink(s);
  auto numbers = std::make_shared<Numbers>(sizes.seed);
  auto o = std::make_shared<Operands>(*numbers, s);
  const cuda::HeadSizes padded = cuda::padded_heads(s.d, s.dv);
  const auto round = [&](const std::vector<float>& x, int32_t rows, int32_t heads, int32_t width,
                         int32_t to) {
    const DeviceArray<float> wide(x);
    auto narrow = reserve<uint16_t>(Operands::count(s, rows, heads, to));
    cuda::round_heads(nullptr, wide.get(), int64_t{heads} * width, width, narrow->get(),
                      int64_t{s.sequences} * rows, heads, width, to);
    cuda::check(cudaDeviceSynchronize(), "round the operands");
    return narrow;
  };
  const auto q = round(o->q, s.nq, s.heads, s.d, padded.d);
  const auto k = round(o->k, s.nk, s.kv_heads, s.d, padded.d);
  const auto v = round(o->v, s.nk, s.kv_heads, s.dv, padded.dv);
  std::vector<cuda::TensorSequence> sequences;
  for (int64_t i = 0; i < s.sequences; ++i) {
    cuda::TensorSequence t;
    t.q = q->get() + i * s.nq * s.heads * padded.d;
    t.k = k->get() + i * s.nk * s.kv_heads * padded.d;
    t.v = v->get() + i * s.nk * s.kv_heads * padded.dv;
    t.out = o->out->get() + i * s.nq * s.heads * s.dv;
    t.q_row = s.heads * padded.d, t.k_row = s.kv_heads * padded.d, t.v_row = s.kv_heads * padded.dv;
    t.q_head = t.k_head = padded.d, t.v_head = padded.dv;
    t.nq = s.nq, t.nk = s.nk, t.offset = s.nk - s.nq;
    sequences.push_back(t);
  }
  cuda::TensorAttention shape;
  shape.heads = s.heads, shape.kv_heads = s.kv_heads, shape.d = s.d, shape.dv = s.dv;
  shape.scale = scale_of(s), shape.causal = s.causal;
  o->splits = cuda::plan_key_splits(shape, sequences, sizes.machine.multiprocessors);
  o->workspace = reserve<std::byte>(
      std::max<size_t>(cuda::attention_workspace_bytes(shape, sequences, o->splits), 1));
  Case c;
  describe(c, s);
  c.tolerance = 1e-2;
  c.run = [=, operands = std::make_tuple(q, k, v)](cudaStream_t stream, int) {
    cuda::attention_tensor(stream, shape, sequences, o->splits, o->workspace->get());
  };
  c.error = [=] {
    o->out->poison();
    c.run(nullptr, 0);
    return sampled_error(*o, s, *numbers);
  };
  return c;
}

Case make_split(Shape s, const Sizes& sizes) {
  if (sizes.tiny) s = shrink(s);
  auto numbers = std::make_shared<Numbers>(sizes.seed);
  auto o = std::make_shared<Operands>(*numbers, s);
  Case c;
  describe(c, s);
  c.bytes = 4.0 * static_cast<double>(o->q.size() * 2 + o->k.size() + o->v.size());
  c.flops = 0.0;  // on the ordinary units
  c.tolerance = 1e-4;
  c.sets = sizes.sets(c.bytes);
  const auto q = upload(o->q);
  std::vector<Shared<float>> keys, values;
  for (int set = 0; set < c.sets; ++set) {
    keys.push_back(upload(o->k));
    values.push_back(upload(o->v));
  }
  const auto views = [=](int set) {
    std::vector<cuda::SplitSequence> sequences;
    for (int64_t i = 0; i < s.sequences; ++i) {
      cuda::SplitSequence t;
      t.q = q->get() + i * s.nq * s.heads * s.d;
      t.k = keys[static_cast<size_t>(set)]->get() + i * s.nk * s.kv_heads * s.d;
      t.v = values[static_cast<size_t>(set)]->get() + i * s.nk * s.kv_heads * s.d;
      t.out = o->out->get() + i * s.nq * s.heads * s.d;
      t.q_row = s.heads * s.d, t.k_row = t.v_row = s.kv_heads * s.d;
      t.q_head = t.k_head = t.v_head = s.d;
      t.nq = s.nq, t.nk = s.nk, t.offset = s.nk - s.nq;
      sequences.push_back(t);
    }
    return sequences;
  };
  const cuda::SplitAttention shape{s.heads, s.kv_heads, s.d, scale_of(s), s.causal};
  o->workspace = reserve<std::byte>(
      std::max<size_t>(cuda::attention_split_workspace_bytes(shape, views(0)), 1));
  c.run = [=](cudaStream_t stream, int set) {
    cuda::attention_split(stream, shape, views(set), o->workspace->get());
  };
  c.error = [=] {
    o->out->poison();
    c.run(nullptr, 0);
    return sampled_error(*o, s, *numbers);
  };
  return c;
}

}  // namespace

std::vector<Entry> attention_cases() {
  std::vector<Entry> entries;
  for (const Shape& shape : kTensorShapes)
    entries.push_back({concat("attention: ", shape.name),
                       [shape](const Sizes& sizes) { return make_tensor(shape, sizes); }});
  for (const Shape& shape : kSplitShapes)
    entries.push_back({concat("split attention: ", shape.name),
                       [shape](const Sizes& sizes) { return make_split(shape, sizes); }});
  return entries;
}

}  // namespace vmolmo::cuda_bench
