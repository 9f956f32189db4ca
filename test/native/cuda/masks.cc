// Rendering, components, fusion and run lengths of masks on the device, against the CPU's.

#include <cstring>

#include "native/fusion/batch.h"
#include "native/fusion/rle.h"
#include "native/ops/mask.h"
#include "test/native/cuda/support.h"

namespace vmolmo::test {
namespace {

struct Pair {
  Context cpu{1};
  Context gpu{Device{Device::Kind::kCuda, 0}, 1};
  Random random{23};

  Tensor normal(Shape shape) { return Tensor::from(random.normal(shape.numel()), shape); }
  // Bytes that are zero with the given odds; what is set has any other value.
  Tensor mask(Shape shape, double empty) {
    Tensor x = Tensor::empty(cpu_heap(), shape, DType::kU8);
    for (int64_t i = 0; i < x.numel(); ++i) {
      const bool set = static_cast<double>(random.integer(0, 999)) >= 1000.0 * empty;
      x.data<uint8_t>()[i] = static_cast<uint8_t>(set ? random.integer(1, 255) : 0);
    }
    return x;
  }
};

void check_bytes(const Tensor& actual, const Tensor& expected, const char* name) {
  check(actual.shape() == expected.shape() && actual.dtype() == expected.dtype(), name, ": got ",
        actual.dtype(), " ", actual.shape(), ", expected ", expected.dtype(), " ",
        expected.shape());
  const size_t bytes = expected.bytes();
  check(std::memcmp(actual.raw(), expected.raw(), bytes) == 0, name, " ", expected.shape(),
        ": bytes differ");
}

// Logits with smooth shapes, so that components are large, and with equal values at some pixels.
Tensor blobs(Pair& p, int64_t count, int64_t h, int64_t w) {
  Tensor x = p.normal({count, h, w});
  float* v = x.data<float>();
  for (int64_t i = 0; i < x.numel(); ++i) {
    const double angle = 0.21 * static_cast<double>(i % w) + 0.13 * static_cast<double>(i / w);
    v[i] = static_cast<float>(2.0 * std::sin(angle)) + (i % 5 == 0 ? v[i] : 0.0f);
  }
  return x;
}

}  // namespace

TEST_CASE("cuda masks: rendered in one pass, with the bits of resizing, overlaps and threshold") {
  Pair p;
  const Tensor logits = blobs(p, 4, 13, 19);
  std::copy_n(logits.data<float>(), 13 * 19, logits.data<float>() + 2 * 13 * 19);  // a tie
  for (const auto& [h, w] : {std::pair<int64_t, int64_t>{31, 54}, {7, 9}, {13, 19}, {40, 133}}) {
    for (const std::optional<float> limit : {std::optional<float>{}, {-10.0f}, {0.4f}}) {
      const Tensor expected = ops::render_masks(p.cpu, logits, h, w, 0.2f, limit);
      for_each_order([&] {
        const Tensor masks = ops::render_masks(p.gpu, p.gpu.to_device(logits), h, w, 0.2f, limit);
        check_bytes(p.gpu.to_host(masks), expected, "render_masks");
      });
      const Tensor one = logits.slice(0, 1, 2);
      check_bytes(p.gpu.to_host(ops::render_masks(p.gpu, p.gpu.to_device(one), h, w, 0.2f, limit)),
                  ops::render_masks(p.cpu, one, h, w, 0.2f, limit), "one object");
    }
  }
}

TEST_CASE("cuda masks: components across tiles, of several masks at once") {
  Pair p;
  for (const auto& [count, h, w] :
       {std::array<int64_t, 3>{3, 70, 65}, {1, 33, 100}, {2, 5, 31}, {1, 97, 3}}) {
    Tensor logits = blobs(p, count, h, w);
    for (const int64_t area : {1, 9, 60, 900}) {
      const auto run = [&](Context& context, const Tensor& x) {
        Tensor filled = x.clone(context.memory());
        ops::fill_holes_inplace(context, filled, area, 0.3f, 7.0f);
        return context.to_host(filled);
      };
      const Tensor expected = run(p.cpu, logits);
      for_each_order(
          [&] { check_bytes(run(p.gpu, p.gpu.to_device(logits)), expected, "fill_holes"); });
    }
    for (const double empty : {0.0, 0.4, 0.65, 0.9}) {
      const Tensor mask = p.mask({count, h, w}, empty);
      const auto run = [&](Context& context, const Tensor& x, const Tensor& where) {
        Tensor replaced = x.clone(context.memory());
        ops::replace_small_inplace(context, replaced, where, 12, -3.0f);
        return context.to_host(replaced);
      };
      const Tensor expected = run(p.cpu, logits, mask);
      for_each_order([&] {
        check_bytes(run(p.gpu, p.gpu.to_device(logits), p.gpu.to_device(mask)), expected,
                    "replace_small");
      });
    }
  }
}

TEST_CASE("cuda masks: a spiral is one component") {
  Pair p;
  constexpr int64_t kSide = 75;
  Tensor logits = Tensor::empty(cpu_heap(), {1, kSide, kSide});
  float* v = logits.data<float>();
  std::fill_n(v, kSide * kSide, 1.0f);
  int64_t length = 0, y = 0, x = 0, dy = 0, dx = 1, top = 0, left = 0;
  int64_t bottom = kSide - 1, right = kSide - 1;
  while (top <= bottom && left <= right) {
    v[y * kSide + x] = -1.0f;
    ++length;
    if (dx == 1 && x == right)
      dx = 0, dy = 1, top += 2;
    else if (dy == 1 && y == bottom)
      dy = 0, dx = -1, right -= 2;
    else if (dx == -1 && x == left)
      dx = 0, dy = -1, bottom -= 2;
    else if (dy == -1 && y == top)
      dy = 0, dx = 1, left += 2;
    y += dy, x += dx;
  }
  for (const int64_t area : {length - 1, length}) {
    for_each_order([&] {
      Tensor filled = p.gpu.to_device(logits).clone(p.gpu.memory());
      ops::fill_holes_inplace(p.gpu, filled, area, 0.0f, 5.0f);
      const Tensor host = p.gpu.to_host(filled);
      const auto count = std::count(host.data<float>(), host.data<float>() + kSide * kSide, 5.0f);
      check(count == (area == length ? length : 0), "area ", area, ": ", count, " of ", length,
            " pixels were filled");
    });
  }
}

TEST_CASE("cuda masks: fusion decides and composes as on the CPU, whatever the strategy") {
  Pair p;
  using enum FusionStrategy;
  for (const Shape& shape : {Shape{5, 9, 13}, Shape{3, 16, 11}, Shape{1, 4, 4}}) {
    Tensor a = p.mask(shape, 0.3);
    Tensor b = p.mask(shape, 0.3);
    const int64_t pixels = shape[1] * shape[2];
    // One pair without overlap to speak of, one with an empty side, one with both empty.
    if (shape[0] > 1) std::fill_n(b.data<uint8_t>() + pixels, pixels, uint8_t{0});
    if (shape[0] > 2) std::fill_n(a.data<uint8_t>() + 2 * pixels, pixels, uint8_t{0});
    if (shape[0] > 3) std::fill_n(b.data<uint8_t>() + 2 * pixels, pixels, uint8_t{0});
    for (const auto strategy :
         {kBidirectional, kPreferForward, kPreferBackward, kIntersection, kLarger, kSmaller}) {
      for (const double tau : {0.2, 0.7}) {
        const auto run = [&](Context& c, const Tensor& x, const Tensor& y) {
          const FusedBatch f = fuse_batch(c, x, y, tau, strategy);
          return FusedBatch{c.to_host(f.masks), c.to_host(f.branches), c.to_host(f.counts)};
        };
        const auto compare = [&](const Tensor& x, const Tensor& y) {
          const FusedBatch expected = run(p.cpu, x, y);
          for_each_order([&] {
            const FusedBatch actual =
                run(p.gpu, x ? p.gpu.to_device(x) : x, y ? p.gpu.to_device(y) : y);
            check_bytes(actual.masks, expected.masks, "fused masks");
            check_bytes(actual.branches, expected.branches, "branches");
            check_bytes(actual.counts, expected.counts, "counts");
          });
        };
        compare(a, b);
        compare(a, {});
        compare({}, b);
      }
    }
  }
}

TEST_CASE("cuda masks: exactly 7/10 passes tau = 0.7, one pixel less does not") {
  Pair p;
  for (const int64_t shared : {7, 6}) {
    Tensor a = Tensor::zeros(cpu_heap(), {1, 1, 16}, DType::kU8);
    Tensor b = Tensor::zeros(cpu_heap(), {1, 1, 16}, DType::kU8);
    for (int64_t i = 0; i < 10; ++i) {
      a.data<uint8_t>()[i] = 1;
      b.data<uint8_t>()[i] = i < shared ? 3 : 0;
    }
    const FusedBatch f = fuse_batch(p.gpu, p.gpu.to_device(a), p.gpu.to_device(b), 0.7,
                                    FusionStrategy::kBidirectional);
    const auto branch = static_cast<FusionBranch>(p.gpu.to_host(f.branches).data<uint8_t>()[0]);
    check(branch == (shared == 7 ? FusionBranch::kIntersection : FusionBranch::kUnion), shared,
          " of 10 shared pixels");
    const Tensor masks = p.gpu.to_host(f.masks);
    const int64_t set = std::count(masks.data<uint8_t>(), masks.data<uint8_t>() + 16, 1);
    check(set == (shared == 7 ? 7 : 10), set, " pixels");
  }
}

TEST_CASE("cuda masks: fusion refuses what does not fit") {
  Pair p;
  const Tensor a = p.gpu.to_device(p.mask({2, 3, 4}, 0.5));
  const Tensor b = p.gpu.to_device(p.mask({2, 4, 3}, 0.5));
  const auto fuse = [&](const Tensor& x, const Tensor& y, double tau) {
    fuse_batch(p.gpu, x, y, tau, FusionStrategy::kBidirectional);
  };
  check_throws(Code::kInvalidArgument, [&] { fuse(a, b, 0.5); });
  check_throws(Code::kInvalidArgument, [&] { fuse(a, a, 1.5); });
  check_throws(Code::kInvalidArgument, [&] { fuse({}, {}, 0.5); });
}

TEST_CASE("cuda masks: run lengths down the columns") {
  Pair p;
  for (const auto& [count, h, w] :
       {std::array<int64_t, 3>{3, 70, 33}, {2, 32, 5}, {1, 64, 140}, {4, 1, 9}, {2, 31, 1}}) {
    for (const double empty : {0.0, 0.5, 0.97, 1.0}) {
      const Tensor masks = p.mask({count, h, w}, empty);
      const auto expected = encode_rle_batch(p.cpu, masks);
      for (int64_t m = 0; m < count; ++m) {
        check(expected[size_t(m)] == encode_rle(masks.data<uint8_t>() + m * h * w, w, h),
              "the batch on the CPU");
      }
      for_each_order([&] {
        check(encode_rle_batch(p.gpu, p.gpu.to_device(masks)) == expected, "runs of ", count,
              " masks of ", w, " x ", h, " differ");
      });
    }
  }
}

}  // namespace vmolmo::test
