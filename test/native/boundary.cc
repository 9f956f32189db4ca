#include "native/ops/boundary.h"

#include "native/kernels/cpu/reference.h"
#include "test/native/harness.h"
#include "test/native/shapes.h"

namespace vmolmo::test {
namespace {

bool equal(const cpu::MaskComparison& a, const cpu::MaskComparison& b) {
  return a.intersection == b.intersection && a.union_ == b.union_ &&
         a.truth_boundary == b.truth_boundary && a.predicted_boundary == b.predicted_boundary &&
         a.truth_matches == b.truth_matches && a.predicted_matches == b.predicted_matches;
}

void check_pair(const Tensor& a, const Tensor& b, const Tensor& ignored, int64_t radius) {
  Context context(1);
  const int64_t h = a.dim(0), w = a.dim(1);
  const uint8_t* left_out = ignored ? ignored.data<uint8_t>() : nullptr;
  std::vector<uint8_t> map(size_t(h * w));
  reference::boundary_map(a.data<uint8_t>(), left_out, map.data(), h, w);
  const Tensor found = ops::boundary_map(context, a, ignored);
  check(std::equal(map.begin(), map.end(), found.data<uint8_t>()), "boundary of ", a.shape());
  const auto expected =
      reference::compare_masks(a.data<uint8_t>(), b.data<uint8_t>(), left_out, h, w, radius);
  check(equal(ops::compare_masks(context, a, b, radius, ignored), expected), "counts of ",
        a.shape(), " with radius ", radius, ignored ? " and ignored pixels" : "");
}

// Around whole words of 64 pixels, and small.
constexpr int64_t kWidths[] = {1, 2, 3, 31, 63, 64, 65, 66, 127, 128, 129, 200};

TEST_CASE("boundaries: maps and matches equal their definitions") {
  Random random(51);
  for (const int64_t w : kWidths) {
    for (int i = 0; i < 12; ++i) {
      const int64_t h = random.integer(1, 40), radius = random.integer(1, 12);
      const Tensor a = random_shapes(random, h, w), b = random_shapes(random, h, w);
      check_pair(a, b, {}, radius);
      check_pair(a, b, random_shapes(random, h, w), radius);
    }
    for (const int percent : {0, 1, 50, 100}) {
      const int64_t h = random.integer(1, 30);
      check_pair(random_mask(random, h, w, percent), random_mask(random, h, w, 3), {},
                 random.integer(1, 5));
    }
  }
}

TEST_CASE("boundaries: disks wider than a word and than the frame") {
  Random random(52);
  for (const int64_t radius : {60, 64, 65, 130, 1000}) {
    check_pair(random_mask(random, 3, 400, 1), random_mask(random, 3, 400, 1), {}, radius);
    check_pair(random_mask(random, 300, 2, 1), random_mask(random, 300, 2, 1), {}, radius);
  }
}

TEST_CASE("boundaries: lone pixels match up to the radius, across words") {
  constexpr int64_t kWidth = 400;
  for (const int64_t radius : {1, 40, 63, 64, 65, 128, 129, 200}) {
    for (const int64_t apart : {radius - 1, radius, radius + 1, radius + 2}) {
      for (const int64_t x : {5, 63, 64, 190}) {
        Tensor a = Tensor::zeros(cpu_heap(), {1, kWidth}, DType::kU8);
        Tensor b = Tensor::zeros(cpu_heap(), {1, kWidth}, DType::kU8);
        a.data<uint8_t>()[x] = 1;
        if (x + apart < kWidth) b.data<uint8_t>()[x + apart] = 1;
        check_pair(a, b, {}, radius);
        check_pair(b, a, {}, radius);
      }
    }
  }
}

Tensor label_of(const Tensor& map, int64_t label) {
  Tensor mask = Tensor::zeros(cpu_heap(), map.shape(), DType::kU8);
  for (int64_t i = 0; map && i < map.numel(); ++i) {
    mask.data<uint8_t>()[i] = map.data<uint8_t>()[i] == label;
  }
  return mask;
}

Tensor random_labels(Random& random, int64_t h, int64_t w) {
  Tensor map = Tensor::zeros(cpu_heap(), {h, w}, DType::kU8);
  for (const int64_t label : {1, 2, 3, 255, 0}) {
    const Tensor shapes = random_shapes(random, h, w);
    for (int64_t i = 0; i < h * w; ++i) {
      if (shapes.data<uint8_t>()[i]) map.data<uint8_t>()[i] = static_cast<uint8_t>(label);
    }
  }
  return map;
}

TEST_CASE("boundaries: labels are compared like their masks") {
  Random random(53);
  Context context(1);
  for (int i = 0; i < 60; ++i) {
    const int64_t h = random.integer(1, 40), w = kWidths[size_t(random.integer(0, 11))];
    const int64_t radius = random.integer(1, 6);
    const Tensor truth = random_labels(random, h, w);
    const Tensor predicted = i % 5 == 0 ? Tensor() : random_labels(random, h, w);
    const bool all = i % 2 == 0;
    const cpu::LabelPairs pairs = {3, all ? 2 : 3, all, uint8_t(i % 3 == 0 ? 255 : 0)};
    const Tensor ignored = pairs.ignored_label ? label_of(truth, 255) : Tensor();
    const auto found = ops::compare_labels(context, truth, predicted, pairs, radius);
    check(found.size() == size_t(all ? 6 : 3), found.size(), " comparisons");
    for (size_t n = 0; n < found.size(); ++n) {
      const int64_t a = int64_t(n) % 3 + 1, b = all ? int64_t(n) / 3 + 1 : a;
      const Tensor other = predicted ? label_of(predicted, b) : label_of(truth, 99);
      const auto expected = ops::compare_masks(context, label_of(truth, a), other, radius, ignored);
      check(equal(found[n], expected), "labels ", a, " and ", b, " of ", truth.shape());
    }
  }
  const Tensor map = random_labels(random, 4, 4), wide = random_labels(random, 4, 5);
  const auto invalid = [&](const Tensor& predicted, cpu::LabelPairs pairs) {
    check_throws(Code::kInvalidArgument,
                 [&] { ops::compare_labels(context, map, predicted, pairs, 1); });
  };
  invalid(wide, {1, 1});
  invalid(map, {1, 2});
  invalid(map, {256, 256});
  invalid(map, {-1, -1});
}

TEST_CASE("boundaries: masks of different sizes and a radius of 0 are refused") {
  Context context(1);
  const Tensor mask = Tensor::zeros(cpu_heap(), {2, 2}, DType::kU8);
  const Tensor other = Tensor::zeros(cpu_heap(), {2, 3}, DType::kU8);
  check_throws(Code::kInvalidArgument, [&] { ops::compare_masks(context, mask, other, 1); });
  check_throws(Code::kInvalidArgument, [&] { ops::compare_masks(context, mask, mask, 1, other); });
  check_throws(Code::kInvalidArgument, [&] { ops::compare_masks(context, mask, mask, 0); });
  check_throws(Code::kInvalidArgument, [&] { ops::boundary_map(context, mask, other); });
}

}  // namespace
}  // namespace vmolmo::test
