#include "native/kernels/cuda/attention_tensor.h"

#include <bit>

#include "native/kernels/cpu/reference.h"
#include "test/native/cuda/support.h"

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
};

// Rows of one head out of [rows, heads, width].
std::vector<float> head_of(const std::vector<float>& x, int64_t rows, int64_t heads, int64_t width,
                           int64_t head) {
  std::vector<float> out;
  for (int64_t r = 0; r < rows; ++r) {
    const auto at = x.begin() + (r * heads + head) * width;
    out.insert(out.end(), at, at + width);
  }
  return out;
}

// A tensor [rows, heads, width] as f32 and, rounded and padded, on the device.
struct Operand {
  std::vector<float> values;
  std::unique_ptr<DeviceArray<uint16_t>> device;

  Operand(Random& random, int64_t rows, int64_t heads, int64_t width, int64_t padded, float scale) {
    values = random.normal(rows * heads * width, scale);
    const DeviceArray<float> wide(values);
    device = std::make_unique<DeviceArray<uint16_t>>(static_cast<size_t>(rows * heads * padded));
    cuda::round_heads(nullptr, wide.get(), heads * width, width, device->get(), rows, heads, width,
                      padded);
    // What the kernel really works on.
    const std::vector<uint16_t> bits = device->read();
    for (int64_t i = 0; i < rows * heads * width; ++i) {
      const uint32_t high = bits[static_cast<size_t>(i / width * padded + i % width)];
      values[static_cast<size_t>(i)] = std::bit_cast<float>(high << 16);
    }
  }
};

void run(const Problem& p) {
  Random random(static_cast<uint32_t>(p.d + p.heads));
  const cuda::HeadSizes sizes = cuda::padded_heads(p.d, p.dv);
  check(sizes.d >= p.d && sizes.dv >= p.dv, "no kernel for heads of ", p.d, " and ", p.dv);
  const float scale = 1.0f / std::sqrt(static_cast<float>(p.d));
  std::vector<Operand> operands;
  std::vector<std::unique_ptr<DeviceArray<float>>> outputs;
  std::vector<cuda::TensorSequence> sequences;
  for (const Lengths& s : p.sequences) {
    operands.emplace_back(random, s.nq, p.heads, p.d, sizes.d, 3.0f);
    operands.emplace_back(random, s.nk, p.kv_heads, p.d, sizes.d, 1.0f);
    operands.emplace_back(random, s.nk, p.kv_heads, p.dv, sizes.dv, 1.0f);
    outputs.push_back(
        std::make_unique<DeviceArray<float>>(static_cast<size_t>(s.nq * p.heads * p.dv)));
    const size_t at = operands.size() - 3;
    cuda::TensorSequence t;
    t.q = operands[at].device->get();
    t.k = operands[at + 1].device->get();
    t.v = operands[at + 2].device->get();
    t.out = outputs.back()->get();
    t.q_row = p.heads * sizes.d, t.q_head = t.k_head = sizes.d, t.k_row = p.kv_heads * sizes.d;
    t.v_row = p.kv_heads * sizes.dv, t.v_head = sizes.dv;
    t.nq = s.nq, t.nk = s.nk, t.offset = s.offset;
    sequences.push_back(t);
  }
  cuda::TensorAttention shape;
  shape.heads = p.heads, shape.kv_heads = p.kv_heads, shape.d = p.d, shape.dv = p.dv;
  shape.scale = scale, shape.causal = p.causal;
  const DeviceArray<std::byte> workspace(
      cuda::attention_workspace_bytes(shape, sequences, p.splits) + 1);
  cuda::attention_tensor(nullptr, shape, sequences, p.splits, workspace.get());
  for (size_t i = 0; i < sequences.size(); ++i) {
    const Lengths& s = p.sequences[i];
    std::vector<float> expected(static_cast<size_t>(s.nq * p.heads * p.dv));
    std::vector<float> one(static_cast<size_t>(s.nq * p.dv));
    for (int32_t h = 0; h < p.heads; ++h) {
      const int32_t kv = h / (p.heads / p.kv_heads);
      reference::attention(head_of(operands[3 * i].values, s.nq, p.heads, p.d, h).data(),
                           head_of(operands[3 * i + 1].values, s.nk, p.kv_heads, p.d, kv).data(),
                           head_of(operands[3 * i + 2].values, s.nk, p.kv_heads, p.dv, kv).data(),
                           one.data(), s.nq, s.nk, p.d, p.dv, scale, p.causal, s.offset);
      for (int32_t r = 0; r < s.nq; ++r)
        std::copy_n(one.begin() + r * p.dv, p.dv, expected.begin() + (r * p.heads + h) * p.dv);
    }
    // Weights are rounded to bf16, by 2^-9 at most.
    check_close(outputs[i]->read(), expected, 3e-3, "heads ", p.heads, "/", p.kv_heads, " of ", p.d,
                " and ", p.dv, ", ", s.nq, " queries, ", s.nk, " keys, splits ", p.splits,
                p.causal ? ", causal" : "");
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
