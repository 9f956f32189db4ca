// Convolutions on the emulated device, whichever kernel takes them, against the CPU's.

#include "native/ops/conv.h"

#include "native/kernels/cpu/reference.h"
#include "native/kernels/cuda/conv_thin.h"
#include "native/kernels/cuda/gemm_tensor.h"
#include "native/ops/copy.h"
#include "native/ops/elementwise.h"
#include "native/ops/kernel_choice.h"
#include "test/native/cuda/support.h"

namespace vmolmo::test {
namespace {

struct Pair {
  Context cpu{1};
  Context gpu{Device{Device::Kind::kCuda, 0}, 1};
  Random random{11};

  explicit Pair(Products products) { gpu.set_products(products); }
  // Values that bf16 holds, so that both sides compute with the same ones.
  Tensor rounded(Shape shape, float scale = 1.0f) {
    Tensor x = Tensor::from(random.normal(shape.numel(), scale), shape);
    ops::round_to_bf16_inplace(cpu, x);
    return x;
  }
  // body(context, move): see ops.cc.
  template <typename Body>
  void compare(const char* name, const Body& body, double tolerance = 3e-6) {
    const Tensor expected = body(cpu, [](const Tensor& x) { return x; });
    for_each_order([&] {
      const Tensor actual =
          gpu.to_host(body(gpu, [&](const Tensor& x) { return x ? gpu.to_device(x) : x; }));
      check(actual.shape() == expected.shape(), name, ": got ", actual.shape(), ", expected ",
            expected.shape());
      check_close(actual.to_vector(), expected.to_vector(), tolerance, name, " ", expected.shape());
    });
  }
};

struct Conv {
  Shape x, weight;
  int64_t stride, padding;
};

void run_conv(Pair& p, const char* name, const Conv& conv, Activation activation) {
  const Tensor x = p.rounded(conv.x), w = p.rounded(conv.weight), b = p.rounded({conv.weight[0]});
  p.compare(name, [&](Context& c, auto to) {
    return ops::conv2d(c, to(x), to(w), to(b), conv.stride, conv.padding, activation);
  });
  p.compare(name, [&](Context& c, auto to) {
    return ops::conv2d(c, to(x), to(w), {}, conv.stride, conv.padding);
  });
}

}  // namespace

TEST_CASE("cuda conv: as products on tensor cores, channels of all kinds, more than one picture") {
  Pair p(Products::kTensorCores);
  run_conv(p, "patch embedding", {{1, 35, 39, 3}, {24, 3, 7, 7}, 4, 3}, Activation::kNone);
  run_conv(p, "whole pieces", {{3, 23, 21, 16}, {20, 16, 3, 3}, 2, 1}, Activation::kGelu);
  run_conv(p, "stride 1", {{2, 13, 11, 5}, {35, 5, 3, 2}, 1, 0}, Activation::kRelu);
  run_conv(p, "one piece short", {{1, 19, 31, 12}, {17, 12, 2, 5}, 3, 2}, Activation::kNone);
  const Tensor x = p.rounded({2, 20, 18, 3}), w = p.rounded({40, 3, 7, 7}), b = p.rounded({40});
  const Tensor residual = p.rounded({2, 5, 5, 40});
  p.compare("residual", [&](Context& c, auto to) {
    return ops::conv2d_add(c, to(x), to(w), to(b), 4, 3, to(residual));
  });
}

TEST_CASE("cuda conv: exact products, and few channels in one thread") {
  Pair p(Products::kExact);
  run_conv(p, "exact", {{2, 13, 11, 7}, {21, 7, 3, 3}, 2, 1}, Activation::kSilu);
  run_conv(p, "one to one, quads", {{2, 12, 16, 1}, {1, 1, 4, 4}, 4, 0}, Activation::kNone);
  run_conv(p, "one to one", {{1, 14, 15, 1}, {1, 1, 4, 4}, 4, 0}, Activation::kRelu);
  run_conv(p, "one to four", {{2, 19, 17, 1}, {4, 1, 3, 3}, 2, 1}, Activation::kNone);
  run_conv(p, "four to sixteen", {{2, 9, 13, 4}, {16, 4, 3, 3}, 2, 1}, Activation::kGelu);
  run_conv(p, "three to eleven", {{1, 9, 13, 3}, {11, 3, 3, 5}, 1, 2}, Activation::kNone);
}

TEST_CASE("cuda conv: a layer norm and an activation behind it") {
  for (const Products products : {Products::kExact, Products::kTensorCores}) {
    Pair p(products);
    for (const auto& [in, out] : {std::pair<int64_t, int64_t>{1, 4}, {4, 16}, {2, 7}, {16, 24}}) {
      const Tensor x = p.rounded({2, 21, 19, in}), w = p.rounded({out, in, 3, 3});
      const Tensor b = p.rounded({out});
      const Tensor scale = p.rounded({out}), shift = p.rounded({out});
      p.compare(
          "norm",
          [&](Context& c, auto to) {
            return ops::conv2d_norm(c, to(x), to(w), to(b), 2, 1, {to(scale), to(shift), 1e-6f},
                                    Activation::kGelu);
          },
          1e-5);
    }
  }
}

TEST_CASE("cuda conv: layer norm of channels, several pixels a warp or one, and of odd numbers") {
  Pair p(Products::kExact);
  for (const int64_t n : {4, 12, 16, 40, 64, 100, 200, 256, 512, 516, 7}) {
    const Tensor x = p.rounded({2, 3, 7, n}, 3.0f), scale = p.rounded({n}), shift = p.rounded({n});
    p.compare(
        "channel norm",
        [&](Context& c, auto to) {
          return ops::channel_norm(c, to(x), {to(scale), to(shift), 1e-6f}, Activation::kGelu);
        },
        1e-5);
    p.compare(
        "without a bias",
        [&](Context& c, auto to) { return ops::channel_norm(c, to(x), {to(scale), {}, 1e-5f}); },
        1e-5);
  }
}

TEST_CASE("cuda conv: depthwise 7x7 on shapes that fit no tile, and other kernels") {
  Pair p(Products::kExact);
  for (const auto& [shape, padding] :
       {std::pair<Shape, int64_t>{{2, 9, 19, 37}, 3}, {{1, 7, 8, 3}, 0}, {{3, 4, 5, 33}, 3}}) {
    const Tensor x = p.rounded(shape), w = p.rounded({shape[3], 1, 7, 7}),
                 b = p.rounded({shape[3]});
    p.compare("depthwise", [&](Context& c, auto to) {
      return ops::conv2d_depthwise(c, to(x), to(w), to(b), padding);
    });
  }
  const Tensor x = p.rounded({2, 9, 11, 5}), w = p.rounded({5, 1, 3, 5});
  p.compare("depthwise 3x5",
            [&](Context& c, auto to) { return ops::conv2d_depthwise(c, to(x), to(w), {}, 2); });
}

TEST_CASE("cuda conv: transposed, with skip features of one picture or of all, and an activation") {
  for (const Products products : {Products::kExact, Products::kTensorCores}) {
    Pair p(products);
    for (const auto& [in, out] : {std::pair<int64_t, int64_t>{24, 10}, {19, 6}, {17, 3}}) {
      const Tensor x = p.rounded({3, 9, 11, in}), w = p.rounded({in, out, 2, 2});
      const Tensor b = p.rounded({out}), none;
      for (const Tensor& skip : {none, p.rounded({1, 18, 22, out}), p.rounded({3, 18, 22, out})}) {
        p.compare("transposed", [&](Context& c, auto to) {
          return ops::conv_transpose_2x2(c, to(x), to(w), to(b), to(skip), Activation::kGelu);
        });
      }
      p.compare("no bias",
                [&](Context& c, auto to) { return ops::conv_transpose_2x2(c, to(x), to(w), {}); });
    }
  }
}

TEST_CASE("cuda conv: patches as rows of a product in every tile, k in parts too") {
  using Tile = cuda::GemmPlan::Tile;
  constexpr int64_t kLines = 9, kColumns = 16, kChannels = 8, kKernel = 3, kOut = 20;
  constexpr int64_t kOutH = 7, kOutW = 14, kImages = 3, kPatch = kKernel * kKernel * kChannels;
  Pair p(Products::kTensorCores);
  const Tensor x = p.rounded({kImages, kLines, kColumns, kChannels});
  const Tensor w = p.rounded({kOut, kPatch});
  std::vector<float> rows, expected(kImages * kOutH * kOutW * kOut);
  for (int64_t i = 0; i < kImages * kOutH * kOutW; ++i) {
    const int64_t column = i % kOutW, line = i / kOutW % kOutH, image = i / kOutW / kOutH;
    for (int64_t ky = 0; ky < kKernel; ++ky) {
      const int64_t first = ((image * kLines + line + ky) * kColumns + column) * kChannels;
      const float* from = x.data<float>() + first;
      rows.insert(rows.end(), from, from + kKernel * kChannels);
    }
  }
  reference::linear(rows.data(), w.data<float>(), nullptr, expected.data(), kImages * kOutH * kOutW,
                    kOut, kPatch);
  const Tensor device_x = p.gpu.to_device(ops::narrowed(p.cpu, x));
  const Tensor device_w = p.gpu.to_device(ops::narrowed(p.cpu, w));
  cuda::TensorGemm call;
  call.x = reinterpret_cast<const uint16_t*>(device_x.device_data<BFloat16>());
  call.w = reinterpret_cast<const uint16_t*>(device_w.device_data<BFloat16>());
  call.m = kImages * kOutH * kOutW, call.n = call.ldy = kOut, call.k = call.ldw = kPatch;
  call.x_map = {kOutW,
                kOutH,
                kChannels,
                kColumns * kChannels,
                kLines * kColumns * kChannels,
                kKernel * kChannels,
                kColumns * kChannels};
  for (const cuda::GemmPlan plan :
       {cuda::GemmPlan{Tile::k64x64, 1}, {Tile::k128x128, 1}, {Tile::k64x64, 2}}) {
    const DeviceArray<float> y(expected.size());
    const DeviceArray<std::byte> parts(cuda::gemm_workspace_bytes(plan, call.m, call.n) + 1);
    call.y = y.get();
    cuda::gemm_tensor(nullptr, call, plan, parts.get());
    check_close(y.read(), expected, 2e-6, "tile ", int(plan.tile), " splits ", plan.splits);
  }
}

TEST_CASE("cuda kernel choice: convolutions by channels and products") {
  ops::ConvSizes s;
  s.pixels = 65536, s.out = 96, s.patch = 147, s.products = Products::kTensorCores;
  check(choose_conv(s) == ops::ConvKernel::kTensor, "the patch embedding");
  s.products = Products::kExact;
  check(choose_conv(s) == ops::ConvKernel::kSimple, "exact products");
  s.products = Products::kTensorCores, s.thin = true;
  check(choose_conv(s) == ops::ConvKernel::kThin, "few channels");
  s.thin = false, s.pixels = 10;
  check(choose_conv(s) == ops::ConvKernel::kSimple, "ten pixels");
  check(ops::choose_transposed(4096, 256, 64, Products::kTensorCores) == ops::ConvKernel::kTensor,
        "upscaling");
  check(ops::choose_transposed(4096, 256, 64, Products::kExact) == ops::ConvKernel::kSimple,
        "exact upscaling");
  check(ops::choose_transposed(4096, 256, 3, Products::kTensorCores) == ops::ConvKernel::kSimple,
        "an odd number of channels");
  cuda::ConvShape shape;
  shape.in = 4, shape.out = 16, shape.kernel_h = shape.kernel_w = 3;
  check(cuda::conv_thin_supports(shape), "4 to 16 channels");
  shape.in = 16;
  check(cuda::conv_thin_supports(shape), "16 to 16 channels");
  shape.out = 17;
  check(!cuda::conv_thin_supports(shape), "17 channels");
}

}  // namespace vmolmo::test
