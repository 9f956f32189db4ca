// Every op on the emulated device against the same op on the CPU, on odd shapes and in several
// thread orders.

#include "native/kernels/cuda/pool.h"
#include "native/ops/activation.h"
#include "native/ops/attention.h"
#include "native/ops/conv.h"
#include "native/ops/copy.h"
#include "native/ops/elementwise.h"
#include "native/ops/gather.h"
#include "native/ops/linear.h"
#include "native/ops/mask.h"
#include "native/ops/norm.h"
#include "native/ops/pixels.h"
#include "native/ops/resize.h"
#include "native/ops/rope.h"
#include "native/ops/select.h"
#include "native/ops/stack.h"
#include "native/ops/step_rows.h"
#include "native/ops/tokens.h"
#include "native/ops/window_attention.h"
#include "native/ops/window_partition.h"
#include "native/weights/quantize.h"
#include "test/native/cuda/pair.h"

namespace vmolmo::test {
namespace {

TEST_CASE("cuda ops: elementwise, copies, types") {
  Pair p;
  const Tensor a = p.normal({3, 5, 37}), b = p.normal({5, 37}), c = p.normal({3, 5, 37});
  p.compare("add", 1e-7, [&](Context& x, auto to) { return ops::add(x, to(a), to(b), -0.7f); });
  p.compare("add_inplace", 1e-7, [&](Context& x, auto to) {
    Tensor t = to(a).clone(x.memory());
    ops::add_inplace(x, t, to(c), 2.0f);
    return t;
  });
  p.compare("multiply", 1e-7, [&](Context& x, auto to) { return ops::multiply(x, to(a), to(b)); });
  p.compare("affine", 1e-7,
            [&](Context& x, auto to) { return ops::affine(x, to(a), 3.0f, -1.0f); });
  p.compare("clamp", 0.0, [&](Context& x, auto to) { return ops::clamp(x, to(a), -0.5f, 0.6f); });
  p.compare("step", 0.0, [&](Context& x, auto to) { return ops::step(x, to(a), 0.1f, true); });
  for (int axis = 0; axis < 3; ++axis) {
    p.compare("mean", 1e-6, [&](Context& x, auto to) { return ops::mean(x, to(a), axis); });
    p.compare("concat", 0.0, [&](Context& x, auto to) {
      const std::array<Tensor, 2> parts{to(a), to(c)};
      return ops::concat(x, parts, axis);
    });
  }
  p.compare("permute", 0.0, [&](Context& x, auto to) { return ops::permute(x, to(a), {2, 0, 1}); });
  p.compare("lerp", 1e-7, [&](Context& x, auto to) {
    Tensor t = to(a).clone(x.memory());
    ops::lerp_inplace(x, t, to(c), 0.25f);
    return t;
  });
  p.compare("round_to_bf16", 0.0, [&](Context& x, auto to) {
    Tensor t = to(a).clone(x.memory());
    ops::round_to_bf16_inplace(x, t);
    return t;
  });
  p.compare("narrowed", 0.0, [&](Context& x, auto to) { return ops::narrowed(x, to(a)); });
  p.compare("widened", 0.0,
            [&](Context& x, auto to) { return ops::widened(x, ops::narrowed(x, to(a))); });
  p.compare("copy_into", 0.0, [&](Context& x, auto to) {
    Tensor t = x.zeros({3, 9, 37});
    ops::copy_into(x, to(a), t.slice(1, 2, 7));
    ops::copy_into(x, to(b).slice(0, 0, 1).reshape({1, 1, 37}), t.slice(1, 8, 9));
    return t;
  });
  for (const Activation activation : {Activation::kRelu, Activation::kGelu, Activation::kQuickGelu,
                                      Activation::kSilu, Activation::kSigmoid}) {
    p.compare("activate", 2e-6,
              [&](Context& x, auto to) { return ops::activate(x, to(a), activation); });
  }
  const Tensor both = p.normal({7, 90});
  p.compare("swiglu", 1e-6, [&](Context& x, auto to) {
    const Tensor t = to(both);
    return ops::swiglu(x, t.slice(1, 0, 45), t.slice(1, 45, 90));
  });
}

TEST_CASE("cuda ops: rows") {
  Pair p;
  const Tensor x = p.normal({9, 131}, 3.0f), table = p.normal({11, 33});
  p.compare("softmax", 1e-6, [&](Context& c, auto to) { return ops::softmax(c, to(x)); });
  const std::vector<int32_t> ids{3, 0, 10, 3};
  p.compare("gather", 0.0,
            [&](Context& c, auto to) { return ops::gather_rows(c, to(table), ids); });
  p.compare("gather bf16", 0.0, [&](Context& c, auto to) {
    return ops::gather_rows(c, ops::narrowed(c, to(table)), ids);
  });
  const Tensor more = p.normal({3, 33}),
               any = Tensor::from(std::vector<int32_t>{11, 3, 13, 10}, {4});
  p.compare("embed", 0.0, [&](Context& c, auto to) {
    return ops::embed_tokens(c, to(table), to(more), to(any));
  });
  p.compare("embed bf16", 0.0, [&](Context& c, auto to) {
    return ops::embed_tokens(c, ops::narrowed(c, to(table)), to(more), to(any));
  });
  const Tensor rows = p.normal({4, 33});
  const std::vector<int32_t> index{2, -1, 5, 2};
  p.compare("scatter_add", 1e-6, [&](Context& c, auto to) {
    Tensor t = to(table).clone(c.memory());
    ops::scatter_add_rows(c, t, to(rows), index);
    return t;
  });
  check_throws(Code::kInvalidArgument,
               [&] { ops::gather_rows(p.gpu, p.up(table), std::vector<int32_t>{11}); });
  Tensor ties = p.normal({3, 5003});
  for (int64_t i : {17, 200, 1041, 5002}) ties.data<float>()[5003 + i] = 9.0f;
  ties.data<float>()[5002] = 9.0f;
  for_each_order([&] {
    check(ops::argmax(p.gpu, p.up(ties)) == ops::argmax(p.cpu, ties), "argmax differs");
    check(ops::argmax(p.gpu, p.up(ties))[1] == 17, "argmax of equal values is not the first");
  });
  const ops::RopeTable half = ops::make_rope_table(0, 20, 16, 1e4);
  const ops::RopeTable axial = ops::make_axial_rope_table(3, 16, 1e4);
  const Tensor q = p.normal({5, 3, 16}), grid = p.normal({2, 18, 16});
  p.compare("rope half", 1e-6, [&](Context& c, auto to) {
    Tensor t = to(q).clone(c.memory());
    ops::rope_rotate_half(c, t, {to(half.cos), to(half.sin)}, 7);
    return t;
  });
  p.compare("rope axial", 1e-6, [&](Context& c, auto to) {
    Tensor t = to(grid).clone(c.memory());
    ops::rope_axial(c, t, {to(axial.cos), to(axial.sin)});
    return t;
  });
}

TEST_CASE("cuda ops: norms with one or both parameters") {
  Pair p;
  const Tensor x = p.normal({2, 3, 67}, 2.0f), w = p.normal({67}), b = p.normal({67});
  p.compare("layer_norm", 2e-6,
            [&](Context& c, auto to) { return ops::layer_norm(c, to(x), to(w), to(b), 1e-5f); });
  p.compare("rms_norm of a view", 2e-6, [&](Context& c, auto to) {
    return ops::rms_norm(c, to(x).slice(2, 0, 33), to(w).slice(0, 0, 33), 1e-6f);
  });
}

TEST_CASE("cuda ops: products in every weight format") {
  Pair p;
  for (const auto& [m, n, k] : {std::array<int64_t, 3>{1, 65, 64}, {70, 33, 96}, {5, 1, 160}}) {
    const Tensor x = p.normal({m, k}), w = p.normal({n, k}), b = p.normal({n}),
                 r = p.normal({m, n});
    p.compare("linear", 2e-6, [&](Context& c, auto to) {
      return ops::linear(c, to(x), to(w), to(b), Activation::kGelu);
    });
    // Few rows of x are taken to 16 bits.
    p.compare("linear bf16", 1e-5, [&](Context& c, auto to) {
      return ops::linear(c, to(x), ops::narrowed(c, to(w)), to(b));
    });
    p.compare("linear_add", 2e-6,
              [&](Context& c, auto to) { return ops::linear_add(c, to(x), to(w), to(b), to(r)); });
    ThreadPool threads(1);
    for (const Weight& quantised :
         {quantize_int8(w, threads), quantize_int4(w, 64, threads), quantize_fp4(w, threads)}) {
      p.compare(format_name(quantised.format), 1e-5, [&](Context& c, auto to) {
        Weight moved = quantised;
        moved.data = to(quantised.data);
        if (quantised.scales) moved.scales = to(quantised.scales);
        return ops::linear(c, to(x), moved, to(b));
      });
    }
  }
  const Tensor a = p.normal({2, 5, 19}), b = p.normal({2, 19, 66}), t = p.normal({2, 66, 19});
  p.compare("matmul", 2e-6, [&](Context& c, auto to) { return ops::matmul(c, to(a), to(b)); });
  p.compare("matmul transposed", 2e-6,
            [&](Context& c, auto to) { return ops::matmul(c, to(a), to(t), true); });
  const Tensor wide = p.normal({3, 4, 50}), w = p.normal({7, 20});
  p.compare("linear of a slice", 2e-6,
            [&](Context& c, auto to) { return ops::linear(c, to(wide).slice(2, 10, 30), to(w)); });
}

TEST_CASE("cuda ops: attention") {
  Pair p;
  for (const int64_t d : {3, 16, 64, 100}) {
    const Tensor q = p.normal({2, 7, 6, d}), k = p.normal({2, 45, 3, d}),
                 v = p.normal({2, 45, 3, 33});
    p.compare("attention", 3e-6,
              [&](Context& c, auto to) { return ops::attention(c, to(q), to(k), to(v)); });
    ops::AttentionOptions causal;
    causal.causal = true;
    causal.query_offset = 31;
    causal.scale = 0.3f;
    p.compare("causal attention", 3e-6,
              [&](Context& c, auto to) { return ops::attention(c, to(q), to(k), to(v), causal); });
    p.compare("attention_varlen", 3e-6, [&](Context& c, auto to) {
      const Tensor tq = to(q), tk = to(k), tv = to(v);
      const std::array<Tensor, 2> qs{tq[0], tq[1].slice(0, 2, 3)}, ks{tk[0], tk[1].slice(0, 0, 11)},
          vs{tv[0], tv[1].slice(0, 0, 11)};
      const std::array<ops::AttentionOptions, 2> options{causal, ops::AttentionOptions{}};
      return ops::concat(c, ops::attention_varlen(c, qs, ks, vs, options), 0);
    });
  }
}

TEST_CASE("cuda ops: windows") {
  Pair p;
  const Tensor q = p.normal({9, 4, 48}), k = p.normal({9, 4, 48}), v = p.normal({9, 4, 48});
  p.compare("window_attention", 2e-6,
            [&](Context& c, auto to) { return ops::window_attention(c, to(q), to(k), to(v), 3); });
  const Tensor patches = p.normal({2, 5, 5, 7}), map = p.normal({2, 9, 11, 6});
  p.compare("cut_windows", 0.0,
            [&](Context& c, auto to) { return ops::cut_windows(c, to(patches)); });
  p.compare("partition", 0.0,
            [&](Context& c, auto to) { return ops::window_partition(c, to(map), 4); });
  p.compare("unpartition", 0.0, [&](Context& c, auto to) {
    return ops::window_unpartition(c, ops::window_partition(c, to(map), 4), 4, 9, 11);
  });
}

TEST_CASE("cuda ops: convolutions and pooling") {
  Pair p;
  const Tensor x = p.normal({2, 9, 12, 5}), w7 = p.normal({6, 5, 7, 7}), b = p.normal({6});
  p.compare("conv 7x7", 3e-6, [&](Context& c, auto to) {
    return ops::conv2d(c, to(x), to(w7), to(b), 4, 3, Activation::kRelu);
  });
  const Tensor w3 = p.normal({6, 5, 3, 3}), depth = p.normal({5, 1, 7, 7}),
               up = p.normal({5, 3, 2, 2});
  p.compare("conv 3x3", 3e-6,
            [&](Context& c, auto to) { return ops::conv2d(c, to(x), to(w3), {}, 2, 1); });
  p.compare("depthwise", 3e-6,
            [&](Context& c, auto to) { return ops::conv2d_depthwise(c, to(x), to(depth), {}, 3); });
  const Tensor b3 = p.normal({3}), even = p.normal({2, 8, 6, 5});
  p.compare("transposed", 3e-6,
            [&](Context& c, auto to) { return ops::conv_transpose_2x2(c, to(x), to(up), to(b3)); });
  p.compare("max_pool", 0.0, [&](Context& c, auto to) { return ops::max_pool_2x2(c, to(even)); });
}

TEST_CASE("cuda ops: resizes and pixels") {
  Pair p;
  const Tensor x = p.normal({13, 17, 3}), maps = p.normal({2, 9, 7, 4});
  const Tensor picture = p.bytes({23, 40 * 3}, 0, 255);
  const ops::ImageView view{picture.data<uint8_t>(), 31, 23, 3, 120};
  for (const auto& [h, w] : {std::pair<int64_t, int64_t>{5, 40}, {13, 8}, {30, 17}, {23, 31}}) {
    p.compare("antialias", 2e-6,
              [&](Context& c, auto to) { return ops::resize_antialias(c, to(x), h, w); });
    p.compare("antialias bytes", 2e-6,
              [&](Context& c, auto) { return ops::resize_antialias(c, view, h, w); });
    p.compare("pillow", 0.0,
              [&](Context& c, auto) { return ops::resize_pillow_bicubic(c, view, h, w); });
    p.compare("bilinear", 2e-6,
              [&](Context& c, auto to) { return ops::resize_bilinear(c, to(maps), h, w); });
    p.compare("bicubic", 5e-6,
              [&](Context& c, auto to) { return ops::resize_bicubic(c, to(x), h, w); });
  }
  p.compare("nearest", 0.0,
            [&](Context& c, auto to) { return ops::upsample_nearest_2x(c, to(maps)); });
  const std::array<float, 3> mean{0.4f, 0.5f, 0.45f}, std{0.2f, 0.25f, 0.3f};
  const Tensor pixels = p.bytes({7, 5, 3}, 0, 255);
  p.compare("normalize", 1e-6,
            [&](Context& c, auto to) { return ops::normalize(c, to(x), mean, std); });
  p.compare("normalize bytes", 1e-6,
            [&](Context& c, auto to) { return ops::normalize(c, to(pixels), mean, std); });
  ops::CropCut cut{3, -2, 2, 3, 6, 3, 4, mean, std};
  p.compare("cut_crops", 1e-6, [&](Context& c, auto to) {
    Tensor crops = c.empty({6, 9, 48});
    ops::cut_crops(c, to(x), cut, crops);
    return crops;
  });
}

TEST_CASE("cuda ops: masks") {
  Pair p;
  for (int round = 0; round < 4; ++round) {
    const int64_t h = 11 + 7 * round, w = 19 + round;
    const Tensor logits = p.normal({h, w}), mask = p.bytes({h, w}, 0, 1);
    const Tensor other = p.bytes({h, w}, 0, 2), several = p.normal({3, h, w});
    p.compare("threshold", 0.0,
              [&](Context& c, auto to) { return ops::threshold(c, to(logits), 0.2f); });
    p.compare("mask_to_f32", 0.0,
              [&](Context& c, auto to) { return ops::mask_to_f32(c, to(other)); });
    p.compare("fill_holes", 0.0, [&](Context& c, auto to) {
      Tensor t = to(logits).clone(c.memory());
      ops::fill_holes_inplace(c, t, 6, 0.0f, 0.1f);
      return t;
    });
    p.compare("fill_holes of several", 0.0, [&](Context& c, auto to) {
      Tensor t = to(several).clone(c.memory());
      ops::fill_holes_inplace(c, t, 6, 0.0f, 0.1f);
      return t;
    });
    p.compare("replace_small", 0.0, [&](Context& c, auto to) {
      Tensor t = to(logits).clone(c.memory());
      ops::replace_small_inplace(c, t, to(mask), 3 + 20 * round, 7.0f);
      return t;
    });
    p.compare("suppress_overlap", 0.0, [&](Context& c, auto to) {
      Tensor t = to(several).clone(c.memory());
      ops::suppress_overlap_inplace(c, t, -10.0f);
      return t;
    });
    for_each_order([&] {
      const auto a = ops::mask_overlap(p.cpu, mask, other);
      const auto b = ops::mask_overlap(p.gpu, p.up(mask), p.up(other));
      check(a.intersection == b.intersection && a.union_ == b.union_, "mask_overlap differs");
      check(ops::count_above(p.cpu, logits, 0.3f) == ops::count_above(p.gpu, p.up(logits), 0.3f),
            "count_above differs");
    });
    check(ops::connected_components(p.gpu, p.up(mask)).areas ==
              ops::connected_components(p.cpu, mask).areas,
          "components differ");
  }
}

TEST_CASE("cuda ops: choices by values in the device's memory") {
  Pair p;
  for (int round = 0; round < 3; ++round) {
    const int64_t batch = 3 + 300 * round, columns = 4 + round, inner = 5 + 8 * round;
    Tensor scores = p.normal({batch, columns}), x = p.normal({batch, columns, 3, inner});
    scores.data<float>()[2] = scores.data<float>()[3] = 9.0f;  // a tie
    Tensor gate = p.normal({batch});
    gate.data<float>()[1] = 0.0f;  // closed
    const Tensor row = p.normal({inner}), entry = p.normal({columns, 3, inner});
    p.compare("best_column and pick", 0.0, [&](Context& c, auto to) {
      return ops::pick(c, to(x), ops::best_column(c, to(scores), 1), -1);
    });
    p.compare("gated_fill", 0.0, [&](Context& c, auto to) {
      Tensor t = to(x).clone(c.memory());
      ops::gated_fill_inplace(c, t, to(gate), -3.0f);
      return t;
    });
    p.compare("gated_replace", 0.0, [&](Context& c, auto to) {
      Tensor t = to(x).clone(c.memory());
      ops::gated_replace_inplace(c, t, to(gate), to(entry));
      return t;
    });
    p.compare("gated_add", 0.0, [&](Context& c, auto to) {
      Tensor t = to(x).clone(c.memory());
      ops::gated_add_inplace(c, t, to(gate), to(row));
      return t;
    });
  }
}

TEST_CASE("cuda ops: an unstable entry takes its fallback") {
  Pair p;
  constexpr int64_t kBatch = 5, kPixels = 4203;
  // Of entry b, 100 b in a thousand pixels lie between the two limits.
  Tensor logits = Tensor::empty(cpu_heap(), {kBatch, 1, kPixels});
  for (int64_t i = 0; i < logits.numel(); ++i) {
    const bool between = i % 1000 < 100 * (i / kPixels);
    logits.data<float>()[i] = between ? 0.0f : i % 2 ? 1.0f : -1.0f;
  }
  for (int64_t i = 3 * kPixels; i < 4 * kPixels; ++i) logits.data<float>()[i] = -2.0f;  // empty
  const Tensor fallback = Tensor::from(std::vector<int32_t>{1, 2, 3, 2, 1}, {kBatch});
  const auto choices = [&](Context& c) {
    const Tensor found =
        c.to_host(ops::zero_if_stable(c, c.to_device(logits), 0.05f, 0.75f, c.to_device(fallback)));
    return std::vector<int32_t>(found.data<int32_t>(), found.data<int32_t>() + kBatch);
  };
  const std::vector<int32_t> expected{0, 0, 3, 0, 1};
  check(choices(p.cpu) == expected, "the CPU chooses otherwise");
  for_each_order([&] { check(choices(p.gpu) == expected, "the device chooses otherwise"); });
}

TEST_CASE("cuda ops: many tensors become one") {
  Pair p;
  for (const int64_t length : {5, 8, 37}) {  // of bytes: words of 1, 4 and 16 bytes, and more
    std::vector<Tensor> parts, bytes;
    for (int i = 0; i < 70; ++i) {
      parts.push_back(p.normal({3, length}));
      bytes.push_back(p.bytes({length, 3}, 0, 255));
    }
    for (const auto& some : {parts, bytes}) {
      p.compare("stacked", 0.0, [&](Context& c, auto to) {
        std::vector<Tensor> there;
        for (const Tensor& part : some) there.push_back(to(part));
        return ops::stacked(c, there);
      });
    }
  }
}

TEST_CASE("cuda ops: tokens are placed") {
  Pair p;
  constexpr int64_t kWidth = 5, kBlocks = 70;
  const Tensor narrow = ops::narrowed(p.cpu, p.normal({3, kWidth})), wide = p.normal({2, kWidth});
  const Tensor positions = p.normal({3, kWidth}), repeated = p.normal({kWidth});
  for (const bool placed_too : {false, true}) {
    p.compare("place_tokens", 0.0, [&](Context& c, auto to) {
      std::vector<ops::TokenBlock> blocks;
      int64_t row = 0;
      for (int64_t i = 0; i < kBlocks; ++i) {
        const bool is_narrow = i % 3 == 0;
        blocks.push_back({to(is_narrow ? narrow : wide),
                          i % 4 == 0 ? Tensor() : to(is_narrow ? positions : repeated), row});
        row += is_narrow ? 3 : 2;
      }
      std::swap(blocks[0], blocks[kBlocks - 1]);
      const Tensor values = c.empty({row, kWidth}), placed = c.empty({row, kWidth});
      ops::place_tokens(c, blocks, values, placed);
      return placed_too ? placed : values;
    });
  }
}

TEST_CASE("cuda ops: tensors in the CPU's memory are refused, and device tensors by the host") {
  Pair p;
  const Tensor x = p.normal({2, 3});
  check_throws(Code::kInternal, [&] { ops::softmax(p.gpu, x); });
  check_throws(Code::kInternal, [&] { ops::softmax(p.cpu, p.up(x)); });
  check_throws(Code::kInternal, [&] { p.up(x).data<float>(); });
}

}  // namespace
}  // namespace vmolmo::test
