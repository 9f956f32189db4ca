#include "native/ops/mask.h"

#include "native/kernels/cpu/reference.h"
#include "test/native/harness.h"
#include "test/native/shapes.h"

namespace vmolmo::test {
namespace {

TEST_CASE("connected components: labels and areas equal flood fill") {
  Context context(2);
  Random random(41);
  for (int percent : {0, 10, 35, 50, 60, 80, 100}) {
    for (int connectivity : {4, 8}) {
      for (int i = 0; i < 4; ++i) {
        const int64_t h = random.integer(1, 40), w = random.integer(1, 70);
        const Tensor mask = random_mask(random, h, w, percent);
        std::vector<int32_t> labels(size_t(h * w));
        const auto areas = reference::connected_components(mask.data<uint8_t>(), labels.data(), h,
                                                           w, connectivity);
        const auto found = ops::connected_components(context, mask, connectivity);
        check(found.areas == areas, "areas at ", percent, " percent, ", connectivity, "-connected");
        check(std::equal(labels.begin(), labels.end(), found.labels.data<int32_t>()), "labels at ",
              percent, " percent, ", connectivity, "-connected");
      }
    }
  }
  const Tensor mask = random_mask(random, 3, 3, 50);
  check_throws(Code::kInvalidArgument, [&] { ops::connected_components(context, mask, 6); });
}

void check_rim_distances(const Tensor& mask, const std::string& where) {
  Context context(1);
  std::vector<int32_t> expected(size_t(mask.numel()));
  reference::rim_distances(mask.data<uint8_t>(), expected.data(), mask.dim(0), mask.dim(1));
  const Tensor found = ops::rim_distances(context, mask);
  check(found.shape() == mask.shape() && found.dtype() == DType::kI32, "shape of ", where);
  check(std::equal(expected.begin(), expected.end(), found.data<int32_t>()), where, " ",
        mask.shape());
}

TEST_CASE("rim distances: equal every pixel tried") {
  Random random(43);
  for (int percent : {0, 1, 50, 90, 99, 100}) {
    const int64_t h = random.integer(1, 25), w = random.integer(1, 45);
    check_rim_distances(random_mask(random, h, w, percent), concat(percent, " percent"));
  }
  for (int i = 0; i < 40; ++i) {
    const int64_t h = random.integer(1, 60), w = random.integer(1, 60);
    check_rim_distances(random_shapes(random, h, w), concat("shapes ", i));
  }
  check_rim_distances(random_mask(random, 1, 1, 100), "one pixel");
  check_rim_distances(random_mask(random, 1, 60, 80), "one row");
  check_rim_distances(random_mask(random, 60, 1, 80), "one column");
}

TEST_CASE("fill_holes: small background components only") {
  Context context(2);
  Tensor logits = Tensor::from(std::vector<float>(8 * 8, 1.0f), {8, 8});
  float* at = logits.data<float>();
  at[1 * 8 + 1] = -1.0f;  // a hole of two pixels that touch by a corner
  at[2 * 8 + 2] = 0.0f;
  for (int x = 3; x < 7; ++x) at[5 * 8 + x] = -2.0f;  // a hole of four
  ops::fill_holes_inplace(context, logits, 2, 0.0f, 0.1f);
  check(at[9] == 0.1f && at[18] == 0.1f, "the small hole stays");
  check(at[43] == -2.0f && at[0] == 1.0f, "something else changed");
}

TEST_CASE("threshold and overlap") {
  Context context(2);
  Random random(42);
  for (int64_t w : {1, 7, 8, 9, 129}) {
    Tensor a = random_mask(random, 5, w, 50), b = random_mask(random, 5, w, 30);
    a.data<uint8_t>()[0] = 255;  // anything but zero is inside
    int64_t both = 0, either = 0;
    for (int64_t i = 0; i < a.numel(); ++i) {
      both += a.data<uint8_t>()[i] && b.data<uint8_t>()[i];
      either += a.data<uint8_t>()[i] || b.data<uint8_t>()[i];
    }
    const auto overlap = ops::mask_overlap(context, a, b);
    check(overlap.intersection == both && overlap.union_ == either, "overlap of width ", w);
  }
  const Tensor empty = Tensor::zeros(cpu_heap(), {2, 2}, DType::kU8);
  check(ops::mask_overlap(context, empty, empty).iou() == 0.0, "two empty masks");
  const Tensor other = Tensor::zeros(cpu_heap(), {2, 3}, DType::kU8);
  check_throws(Code::kInvalidArgument, [&] { ops::mask_overlap(context, empty, other); });
  const Tensor mask =
      ops::threshold(context, Tensor::from(std::vector<float>{-1, 0, 0.5f, 2}, {2, 2}));
  check(mask.data<uint8_t>()[1] == 0 && mask.data<uint8_t>()[2] == 1, "threshold is exclusive");
}

}  // namespace
}  // namespace vmolmo::test
