#include "native/kernels/cuda/attention_tensor.h"

#include <bit>

#include "native/kernels/cpu/reference.h"
#include "native/kernels/cuda/round.h"
#include "test/native/cuda/support.h"
#include "videomolmo/tensor.h"

namespace vmolmo::test {
namespace {

struct Lengths {
  int32_t nq, nk, offset = 0;
};
struct Problem {
  int32_t heads, kv_heads, d, dv;
  std::vector<Lengths> sequences;
  bool causal = false;
  int splits = 1;
  bool bf16 = false;  // the result
  int64_t gap = 0;    // words between rows
  int32_t batch = 1;  // problems like the one sequence
};

// A tensor [rows, heads, width] as f32 and as bf16 on the device, there with heads padded to whole
// pieces and NaN behind every row.
struct Operand {
  std::vector<float> values;
  std::unique_ptr<DeviceArray<uint16_t>> device;
  int64_t rows, heads, width, padded, step;

  Operand(Random& random, int64_t count, const Problem& p, bool query, int64_t channels,
          float scale)
      : rows(count),
        heads(query ? p.heads : p.kv_heads),
        width(channels),
        padded(cuda::bf16_row(channels)),
        step(heads * padded + p.gap) {
    std::vector<uint16_t> bits(static_cast<size_t>(rows * step), uint16_t{0x7fc0});
    for (const float value : random.normal(rows * heads * width, scale)) {
      const auto at = static_cast<int64_t>(values.size());
      const BFloat16 narrow(value);
      const int64_t head = at / width % heads, row = at / width / heads;
      for (int64_t i = at % width; i < (at % width + 1 == width ? padded : at % width + 1); ++i)
        bits[static_cast<size_t>(row * step + head * padded + i)] = i < width ? narrow.bits : 0;
      values.push_back(static_cast<float>(narrow));
    }
    device = std::make_unique<DeviceArray<uint16_t>>(bits);
  }
  // Of the problem's rows [first, first + count), one head.
  std::vector<float> head_of(int64_t first, int64_t count, int64_t head) const {
    std::vector<float> out;
    for (int64_t r = first; r < first + count; ++r) {
      const auto at = values.begin() + (r * heads + head) * width;
      out.insert(out.end(), at, at + width);
    }
    return out;
  }
};

std::vector<float> expected(const Problem& p, const Lengths& s, const Operand& q, const Operand& k,
                            const Operand& v, int64_t problem) {
  const float scale = 1.0f / std::sqrt(static_cast<float>(p.d));
  std::vector<float> all(static_cast<size_t>(s.nq * p.heads * p.dv));
  std::vector<float> one(static_cast<size_t>(s.nq * p.dv));
  for (int32_t h = 0; h < p.heads; ++h) {
    const int32_t kv = h / (p.heads / p.kv_heads);
    reference::attention(q.head_of(problem * s.nq, s.nq, h).data(),
                         k.head_of(problem * s.nk, s.nk, kv).data(),
                         v.head_of(problem * s.nk, s.nk, kv).data(), one.data(), s.nq, s.nk, p.d,
                         p.dv, scale, p.causal, s.offset);
    for (int32_t r = 0; r < s.nq; ++r)
      std::copy_n(one.begin() + r * p.dv, p.dv, all.begin() + (r * p.heads + h) * p.dv);
  }
  return all;
}

struct Results {
  DeviceArray<float> f32;
  DeviceArray<uint16_t> bf16;
  explicit Results(size_t count) : f32(count), bf16(count) {
    f32.poison();
    bf16.poison();
  }
  std::vector<float> read(bool narrow) const {
    if (!narrow) return f32.read();
    std::vector<float> values;
    for (const uint16_t word : bf16.read())
      values.push_back(std::bit_cast<float>(uint32_t{word} << 16));
    return values;
  }
};

void run(const Problem& p) {
  Random random(static_cast<uint32_t>(p.d + p.heads));
  check(cuda::padded_heads(p.d, p.dv).d >= p.d, "no kernel for heads of ", p.d, " and ", p.dv);
  std::vector<Operand> operands;
  std::vector<std::unique_ptr<Results>> outputs;
  std::vector<cuda::TensorSequence> sequences;
  for (const Lengths& s : p.sequences) {
    const size_t at = operands.size();
    operands.emplace_back(random, p.batch * s.nq, p, true, p.d, 3.0f);
    operands.emplace_back(random, p.batch * s.nk, p, false, p.d, 1.0f);
    operands.emplace_back(random, p.batch * s.nk, p, false, p.dv, 1.0f);
    outputs.push_back(
        std::make_unique<Results>(static_cast<size_t>(p.batch * s.nq * p.heads * p.dv)));
    const Operand &q = operands[at], &k = operands[at + 1], &v = operands[at + 2];
    cuda::TensorSequence t;
    t.q = q.device->get(), t.q_row = q.step, t.q_head = q.padded, t.q_batch = s.nq * q.step;
    t.k = k.device->get(), t.k_row = k.step, t.k_head = k.padded, t.k_batch = s.nk * k.step;
    t.v = v.device->get(), t.v_row = v.step, t.v_head = v.padded, t.v_batch = s.nk * v.step;
    if (p.bf16) {
      t.out_bf16 = outputs.back()->bf16.get();
    } else {
      t.out = outputs.back()->f32.get();
    }
    t.nq = s.nq, t.nk = s.nk, t.offset = s.offset;
    sequences.push_back(t);
  }
  cuda::TensorAttention shape;
  shape.heads = p.heads, shape.kv_heads = p.kv_heads, shape.d = p.d, shape.dv = p.dv;
  shape.scale = 1.0f / std::sqrt(static_cast<float>(p.d)), shape.causal = p.causal;
  shape.batch = p.batch;
  const DeviceArray<std::byte> workspace(
      cuda::attention_workspace_bytes(shape, sequences, p.splits) + 1);
  cuda::attention_tensor(nullptr, shape, sequences, p.splits, workspace.get());
  for (size_t i = 0; i < sequences.size(); ++i) {
    const Lengths& s = p.sequences[i];
    std::vector<float> wanted;
    for (int32_t b = 0; b < p.batch; ++b) {
      const auto one = expected(p, s, operands[3 * i], operands[3 * i + 1], operands[3 * i + 2], b);
      wanted.insert(wanted.end(), one.begin(), one.end());
    }
    // Weights are rounded to bf16, which moves their norm by 2^-9 at most, and so is a bf16 result.
    check_close(outputs[i]->read(p.bf16), wanted, p.bf16 ? 4e-3 : 3e-3, "heads ", p.heads, "/",
                p.kv_heads, " of ", p.d, " and ", p.dv, ", ", s.nq, " queries, ", s.nk,
                " keys, splits ", p.splits, p.causal ? ", causal" : "", p.bf16 ? ", bf16" : "",
                ", batch ", p.batch);
  }
}

}  // namespace

TEST_CASE("cuda tensor-core attention: every head size, padded ones too") {
  run({.heads = 2, .kv_heads = 2, .d = 64, .dv = 64, .sequences = {{65, 77}}});
  run({.heads = 1, .kv_heads = 1, .d = 72, .dv = 72, .sequences = {{49, 49}}});
  run({.heads = 2, .kv_heads = 1, .d = 128, .dv = 128, .sequences = {{40, 130}}});
  run({.heads = 1, .kv_heads = 1, .d = 256, .dv = 64, .sequences = {{33, 99}}});
  run({.heads = 1, .kv_heads = 1, .d = 256, .dv = 256, .sequences = {{20, 37}}});
  run({.heads = 3, .kv_heads = 3, .d = 10, .dv = 7, .sequences = {{5, 3}}});
}

TEST_CASE("cuda tensor-core attention: causal prompts, grouped heads, several lengths at once") {
  for_each_order([] {
    run({.heads = 6,
         .kv_heads = 2,
         .d = 128,
         .dv = 128,
         .sequences = {{70, 70, 0}, {3, 90, 87}, {1, 1, 0}},
         .causal = true});
  });
}

TEST_CASE("cuda tensor-core attention: keys in parts, some of them empty for a row") {
  for_each_order([] {
    run({.heads = 7,
         .kv_heads = 1,
         .d = 128,
         .dv = 128,
         .sequences = {{1, 300, 299}},
         .causal = true,
         .splits = 4});
    run({.heads = 1,
         .kv_heads = 1,
         .d = 256,
         .dv = 64,
         .sequences = {{70, 200}, {2, 30}},
         .splits = 3});
    run({.heads = 1,
         .kv_heads = 1,
         .d = 64,
         .dv = 64,
         .sequences = {{130, 130, 0}},
         .causal = true,
         .splits = 2});
  });
}

TEST_CASE("cuda tensor-core attention: bf16 results, in one pass and out of parts; rows apart") {
  for_each_order([] {
    run({.heads = 6,
         .kv_heads = 2,
         .d = 72,
         .dv = 72,
         .sequences = {{70, 70, 0}, {3, 90, 87}},
         .causal = true,
         .bf16 = true,
         .gap = 8});
    run({.heads = 2,
         .kv_heads = 2,
         .d = 20,
         .dv = 13,
         .sequences = {{65, 70}},
         .bf16 = true,
         .gap = 16});
    run({.heads = 1,
         .kv_heads = 1,
         .d = 256,
         .dv = 64,
         .sequences = {{70, 200}},
         .splits = 2,
         .bf16 = true});
  });
}

TEST_CASE("cuda tensor-core attention: equal problems as one batch") {
  for_each_order([] {
    run({.heads = 2,
         .kv_heads = 2,
         .d = 24,
         .dv = 24,
         .sequences = {{16, 16}},
         .bf16 = true,
         .gap = 40,
         .batch = 21});
    run({.heads = 1,
         .kv_heads = 1,
         .d = 64,
         .dv = 64,
         .sequences = {{5, 300}},
         .splits = 2,
         .batch = 3});
  });
}

TEST_CASE("cuda tensor-core attention: more sequences than one launch takes") {
  std::vector<Lengths> lengths;
  for (int32_t i = 0; i < 19; ++i) lengths.push_back({1 + i % 3, 5 + i});
  run({.heads = 1, .kv_heads = 1, .d = 64, .dv = 64, .sequences = lengths});
}

TEST_CASE("cuda tensor-core attention: few queries split the keys, many do not") {
  cuda::TensorAttention shape;
  shape.heads = 28, shape.kv_heads = 4, shape.d = shape.dv = 128;
  cuda::TensorSequence s;
  s.nq = 1, s.nk = 2000;
  check(cuda::plan_key_splits(shape, {&s, 1}, 132) == 15,
        "decode: ", cuda::plan_key_splits(shape, {&s, 1}, 132));
  s.nq = s.nk = 1500;
  check(cuda::plan_key_splits(shape, {&s, 1}, 132) == 1, "prefill");
  check(cuda::padded_heads(257, 64).d == 0, "a kernel for heads of 257");
}

}  // namespace vmolmo::test
