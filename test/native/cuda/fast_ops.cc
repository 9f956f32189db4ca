// Ops whose products may run on tensor cores, against the CPU's.

#include "native/ops/activation.h"
#include "native/ops/attention.h"
#include "native/ops/conv.h"
#include "native/ops/copy.h"
#include "native/ops/elementwise.h"
#include "native/ops/linear.h"
#include "native/ops/norm.h"
#include "native/ops/normed_linear.h"
#include "native/ops/rope.h"
#include "native/ops/window_partition.h"
#include "native/weights/quantize.h"
#include "test/native/cuda/support.h"

namespace vmolmo::test {
namespace {

using ops::RowPath;

struct Pair {
  Context cpu{1};
  Context gpu = context_with_exact_ends();
  Random random{5};

  Pair() { gpu.set_products(Products::kTensorCores); }
  Tensor normal(Shape shape, float scale = 1.0f) {
    return Tensor::from(random.normal(shape.numel(), scale), shape);
  }
  // Values that bf16 holds, so that both sides compute with the same ones.
  Tensor rounded(Shape shape, float scale = 1.0f) {
    Tensor x = normal(shape, scale);
    ops::round_to_bf16_inplace(cpu, x);
    return x;
  }
  Weight moved(const Weight& weight) {
    Weight copy = weight;
    copy.data = gpu.to_device(weight.data);
    if (weight.scales) copy.scales = gpu.to_device(weight.scales);
    return copy;
  }
  void close(const Tensor& actual, const Tensor& expected, double tolerance, const char* name) {
    check(actual.shape() == expected.shape(), name, ": shapes ", actual.shape(), " and ",
          expected.shape());
    check_close(gpu.to_host(actual).to_vector(), expected.to_vector(), tolerance, name, " ",
                expected.shape());
  }
};

Tensor to_bf16(const Tensor& x) {
  Tensor narrow = Tensor::empty(cpu_heap(), x.shape(), DType::kBF16);
  for (int64_t i = 0; i < x.numel(); ++i) narrow.data<BFloat16>()[i] = BFloat16(x.data<float>()[i]);
  return narrow;
}

std::vector<Weight> every_format(const Tensor& w) {
  ThreadPool threads(1);
  return {Weight(to_bf16(w)), quantize_int8(w, threads), quantize_int4(w, 64, threads),
          quantize_fp4(w, threads)};
}

}  // namespace

TEST_CASE("cuda fast ops: linear layers of many rows in every format") {
  Pair p;
  const Tensor x = p.rounded({67, 128}), b = p.normal({70}), r = p.normal({67, 70});
  for (const Weight& w : every_format(p.normal({70, 128}))) {
    // Widened to bf16, scaled codes lose up to 2^-9.
    const double tolerance = w.format == Weight::Format::kPlain ? 2e-6 : 3e-3;
    const Weight moved = p.moved(w);
    for (const RowPath path : {RowPath::kAuto, RowPath::kBlock}) {
      p.close(ops::linear(p.gpu, p.gpu.to_device(x), moved, p.gpu.to_device(b),
                          Activation::kQuickGelu, path),
              ops::linear(p.cpu, x, w, b, Activation::kQuickGelu), tolerance,
              format_name(w.format));
      p.close(ops::linear_add(p.gpu, p.gpu.to_device(x), moved, p.gpu.to_device(b),
                              p.gpu.to_device(r), path),
              ops::linear_add(p.cpu, x, w, b, r), tolerance, format_name(w.format));
    }
  }
}

TEST_CASE("cuda fast ops: streamed rows are the same to the bit one by one; SwiGLU in one pass") {
  Pair p;
  const Tensor x = p.gpu.to_device(p.normal({11, 128}));
  for (const Weight& w : every_format(p.normal({66, 128}))) {
    const Weight moved = p.moved(w);
    const auto run = [&](const Tensor& rows) {
      return p.gpu.to_host(ops::linear(p.gpu, rows, moved, {}, Activation::kNone, RowPath::kStream))
          .to_vector();
    };
    const std::vector<float> all = run(x);
    for (int64_t row = 0; row < 11; ++row) {
      const std::vector<float> one = run(x.slice(0, row, row + 1));
      check(std::equal(one.begin(), one.end(), all.begin() + row * 66), format_name(w.format),
            ": row ", row, " differs");
    }
    p.close(ops::linear_swiglu(p.gpu, x, moved, RowPath::kStream),
            ops::linear_swiglu(p.cpu, p.gpu.to_host(x), w), 1e-5, format_name(w.format));
  }
}

// So queries, keys and values may come from one product or from several.
TEST_CASE("cuda fast ops: rows of a weight give streamed rows the same bits on both devices") {
  Pair p;
  std::vector<Weight> weights = every_format(p.normal({71, 128}));
  weights.emplace_back(p.normal({71, 128}));
  for (const int64_t m : {1, 3, 8}) {
    const Tensor x = p.normal({m, 128});
    for (const Weight& w : weights) {
      for (Context* context : {&p.cpu, &p.gpu}) {
        const Weight whole = context->on_cuda() ? p.moved(w) : w;
        const auto run = [&](const Weight& part) {
          return context->to_host(ops::linear(*context, context->to_device(x), part, {},
                                              Activation::kNone, RowPath::kStream));
        };
        const Tensor all = run(whole), tail = run(whole.rows(19, 71));
        check(all.slice(1, 19, 71).clone(cpu_heap()).to_vector() == tail.to_vector(),
              format_name(w.format), " ", m, " rows on ", to_string(context->device()));
      }
    }
  }
}

TEST_CASE(
    "cuda fast ops: streamed rows are normed by their product, the same to the bit one by one") {
  Pair p;
  const Tensor x = p.normal({11, 128}, 5.0f), norm = p.normal({128}), b = p.normal({66});
  const Tensor moved_norm = p.gpu.to_device(norm), moved_b = p.gpu.to_device(b);
  const ops::RowNorm cpu{norm, 1e-5f}, gpu{moved_norm, 1e-5f};
  for (const Weight& w : every_format(p.normal({66, 128}))) {
    const Weight moved = p.moved(w);
    const emulation::Counters before = counted();
    const Tensor all =
        ops::normed_linear(p.gpu, p.gpu.to_device(x), gpu, moved, moved_b, RowPath::kStream);
    check(!kEmulated || counted().launches - before.launches == 2,
          "launches for eleven rows: ", counted().launches - before.launches);
    p.close(all, ops::normed_linear(p.cpu, x, cpu, w, b, RowPath::kStream), 1e-5,
            format_name(w.format));
    const std::vector<float> rows = p.gpu.to_host(all).to_vector();
    for (int64_t row = 0; row < 11; ++row) {
      const Tensor alone = ops::normed_linear(p.gpu, p.gpu.to_device(x.slice(0, row, row + 1)), gpu,
                                              moved, moved_b, RowPath::kStream);
      const std::vector<float> one = p.gpu.to_host(alone).to_vector();
      check(std::equal(one.begin(), one.end(), rows.begin() + row * 66), format_name(w.format),
            ": row ", row, " differs");
    }
    p.close(ops::normed_swiglu(p.gpu, p.gpu.to_device(x), gpu, moved, RowPath::kStream),
            ops::normed_swiglu(p.cpu, x, cpu, w, RowPath::kStream), 1e-5, format_name(w.format));
  }
  // Weights that gemv does not read.
  const Tensor plain = p.normal({66, 128});
  p.close(ops::normed_linear(p.gpu, p.gpu.to_device(x), gpu, p.gpu.to_device(plain), moved_b,
                             RowPath::kStream),
          ops::normed_linear(p.cpu, x, cpu, plain, b, RowPath::kStream), 1e-6, "f32");
}

TEST_CASE("cuda fast ops: linear layers between bf16 tensors, in every format") {
  Pair p;
  const Tensor x = p.rounded({67, 136}), b = p.normal({70});
  for (const Weight& w : every_format(p.normal({70, 128}))) {
    const Weight moved = p.moved(w);
    // x a slice that starts at 16 bytes, one that does not, and few rows that stay with f32
    // kernels.
    for (const auto& [rows, first] : {std::pair<int64_t, int64_t>{67, 8}, {67, 3}, {5, 8}}) {
      const Tensor part = x.slice(0, 0, rows).slice(1, first, first + 128);
      const Tensor narrow = ops::narrowed(p.gpu, p.gpu.to_device(x)).slice(0, 0, rows);
      const Tensor y =
          ops::linear(p.gpu, narrow.slice(1, first, first + 128), moved, p.gpu.to_device(b),
                      Activation::kGelu, RowPath::kAuto, ops::Feeds::kProducts);
      check(y.dtype() == DType::kBF16, "the result is ", y.dtype());
      p.close(y, ops::linear(p.cpu, part, w, b, Activation::kGelu), 4e-3, format_name(w.format));
    }
  }
  check_throws(Code::kInternal, [&] { ops::activate(p.gpu, to_bf16(x), Activation::kRelu); });
  check_throws(Code::kInternal, [&] { ops::linear(p.cpu, to_bf16(x), p.normal({3, 136})); });
}

TEST_CASE("cuda fast ops: a block's SwiGLU in one pass, in every format") {
  Pair p;
  const Tensor x = p.rounded({67, 128});
  for (const Weight& w : every_format(p.normal({2 * 300, 128}))) {
    const Weight moved = p.moved(w);
    const emulation::Counters before = counted();
    const Tensor y = ops::linear_swiglu(p.gpu, ops::narrowed(p.gpu, p.gpu.to_device(x)), moved,
                                        RowPath::kBlock, ops::Feeds::kProducts);
    check(y.dtype() == DType::kBF16, "the result is ", y.dtype());
    p.close(y, ops::linear_swiglu(p.cpu, x, w), 6e-3, format_name(w.format));
    // Narrowing x, two matrices widened where they are quantised, one product.
    const int64_t expected = w.format == Weight::Format::kPlain ? 2 : 4;
    check(!kEmulated || counted().launches - before.launches == expected, format_name(w.format),
          ": ", counted().launches - before.launches, " launches");
  }
}

TEST_CASE("cuda fast ops: attention reads slices of a bf16 projection where they lie") {
  Pair p;
  const Tensor fused = p.rounded({9, 20, 3 * 2 * 24});
  const auto part = [](const Tensor& x, int64_t i) {
    return x.reshape({9, 20, 3, 2, 24}).transpose(0, 2)[i].transpose(0, 1);
  };
  const Tensor narrow = ops::narrowed(p.gpu, p.gpu.to_device(fused));
  ops::AttentionOptions options;
  options.feeds = ops::Feeds::kProducts;
  const emulation::Counters before = counted();
  const Tensor mixed =
      ops::attention(p.gpu, part(narrow, 0), part(narrow, 1), part(narrow, 2), options);
  check(!kEmulated || counted().launches - before.launches == 1, "operands were copied");
  check(mixed.dtype() == DType::kBF16, "the result is ", mixed.dtype());
  p.close(mixed, ops::attention(p.cpu, part(fused, 0), part(fused, 1), part(fused, 2)), 4e-3,
          "attention");
  // f32 queries, bf16 keys and values; one query, which no tensor core takes.
  const Tensor queries = p.rounded({9, 1, 2, 24});
  p.close(ops::attention(p.gpu, p.gpu.to_device(queries), part(narrow, 1), part(narrow, 2)),
          ops::attention(p.cpu, queries, part(fused, 1), part(fused, 2)), 4e-3, "mixed types");
}

TEST_CASE("cuda fast ops: a block's attention gives an entry the same bits alone and in a batch") {
  Pair p;
  const Tensor q = p.gpu.to_device(p.normal({3, 70, 2, 64}));
  const Tensor kv = p.gpu.to_device(p.normal({3, 600, 2, 64}));
  ops::AttentionOptions options;
  options.path = RowPath::kBlock;
  const auto run = [&](int64_t begin, int64_t end) {
    const Tensor some = kv.slice(0, begin, end);
    return p.gpu.to_host(ops::attention(p.gpu, q.slice(0, begin, end), some, some, options))
        .to_vector();
  };
  const std::vector<float> all = run(0, 3);
  for (int64_t i = 0; i < 3; ++i) {
    const std::vector<float> one = run(i, i + 1);
    check(std::equal(one.begin(), one.end(), all.begin() + i * static_cast<int64_t>(one.size())),
          "entry ", i, " differs");
  }
}

TEST_CASE("cuda fast ops: norms and RoPE give the bf16 of what they give in f32") {
  Pair p;
  const Tensor x = p.gpu.to_device(p.normal({5, 3, 64}, 2.0f));
  const Tensor w = p.gpu.to_device(p.normal({64})), b = p.gpu.to_device(p.normal({64}));
  const auto same = [&](const Tensor& narrow, const Tensor& wide, const char* name) {
    check(narrow.dtype() == DType::kBF16 && wide.dtype() == DType::kF32, name, " is ",
          narrow.dtype());
    p.close(narrow, p.gpu.to_host(ops::widened(p.gpu, ops::narrowed(p.gpu, wide))), 0.0, name);
  };
  constexpr ops::Feeds kFeeds = ops::Feeds::kProducts;
  same(ops::rms_norm(p.gpu, x, w, 1e-6f, kFeeds), ops::rms_norm(p.gpu, x, w, 1e-6f), "rms_norm");
  same(ops::layer_norm(p.gpu, x, w, b, 1e-6f, kFeeds), ops::layer_norm(p.gpu, x, w, b, 1e-6f),
       "layer_norm");
  const auto on_device = [&](const ops::RopeTable& table) {
    return ops::RopeTable{p.gpu.to_device(table.cos), p.gpu.to_device(table.sin)};
  };
  const ops::RopeTable half = on_device(ops::make_rope_table(0, 20, 64, 1e4));
  const ops::RopeTable axial = on_device(ops::make_axial_rope_table(3, 64, 1e4));
  Tensor narrow = ops::narrowed(p.gpu, x), wide = ops::widened(p.gpu, narrow);
  ops::rope_rotate_half(p.gpu, narrow, half, 7);
  ops::rope_rotate_half(p.gpu, wide, half, 7);
  same(narrow, wide, "rope_rotate_half");
  wide = ops::widened(p.gpu, narrow);
  ops::rope_axial(p.gpu, narrow, axial);
  ops::rope_axial(p.gpu, wide, axial);
  same(narrow, wide, "rope_axial");
  check_throws(Code::kInternal, [&] { ops::rms_norm(p.gpu, narrow, w, 1e-6f); });
}

TEST_CASE("cuda fast ops: windows and pooling of bf16 maps") {
  Pair p;
  const Tensor x = p.rounded({2, 6, 10, 24});
  const Tensor narrow = ops::narrowed(p.gpu, p.gpu.to_device(x));
  const auto same = [&](const Tensor& actual, const Tensor& expected, const char* name) {
    check(actual.dtype() == DType::kBF16, name, " is ", actual.dtype());
    p.close(actual, expected, 0.0, name);
  };
  same(ops::max_pool_2x2(p.gpu, narrow), ops::max_pool_2x2(p.cpu, x), "max_pool_2x2");
  const Tensor windows = ops::window_partition(p.gpu, narrow, 4);
  same(windows, ops::window_partition(p.cpu, x, 4), "window_partition");
  same(ops::window_unpartition(p.gpu, windows, 4, 6, 10), x, "window_unpartition");
}

TEST_CASE("cuda fast ops: attention of a batch, of prompts and of a decode step") {
  Pair p;
  const auto attend = [&](Shape q, Shape k, Shape v, const ops::AttentionOptions& options,
                          double tolerance) {
    const Tensor a = p.rounded(q, 2.0f), b = p.rounded(k), c = p.rounded(v);
    p.close(
        ops::attention(p.gpu, p.gpu.to_device(a), p.gpu.to_device(b), p.gpu.to_device(c), options),
        ops::attention(p.cpu, a, b, c, options), tolerance, "attention");
  };
  attend({3, 70, 2, 64}, {3, 75, 2, 64}, {3, 75, 2, 64}, {}, 3e-3);
  attend({1, 90, 1, 256}, {1, 150, 1, 256}, {1, 150, 1, 64}, {}, 3e-3);
  ops::AttentionOptions causal;
  causal.causal = true;
  causal.path = RowPath::kBlock;
  attend({1, 80, 4, 128}, {1, 80, 2, 128}, {1, 80, 2, 128}, causal, 3e-3);
  causal.path = RowPath::kStream;
  causal.query_offset = 78;
  attend({1, 2, 4, 128}, {1, 80, 2, 128}, {1, 80, 2, 128}, causal, 2e-6);
}

}  // namespace vmolmo::test
