#include "native/weights/weight_source.h"
#include "test/native/harness.h"

namespace vmolmo::test {
namespace {

// Longer than a thread's share and no multiple of a chunk.
const Shape kShape{37, 4001};

}  // namespace

TEST_CASE("hash weights: the values that golden sets were made with") {
  const auto source = hash_weights({{"adjusted.bias", {.mul = 2.0, .add = 10.0}}});
  const Tensor matrix = source->get("some.weight", kShape);
  // FNV-1a of the name, murmur3's finaliser, sqrt(3 / fan_in); computed apart from this code.
  check(matrix.data<float>()[0] == -0x1.63c7740000000p-7f, "first ", matrix.data<float>()[0]);
  check(matrix.data<float>()[kShape.numel() - 1] == 0x1.5aa21e0000000p-7f, "last");
  const Tensor plain = hash_weights()->get("adjusted.bias", {5});
  const Tensor adjusted = source->get("adjusted.bias", {5});
  for (int64_t i = 0; i < 5; ++i) {
    const double expected = double{plain.data<float>()[i]} * 2.0 + 10.0;
    check(adjusted.data<float>()[i] == static_cast<float>(expected), "adjusted ", i);
  }
}

TEST_CASE("hash weights: in bf16 they are the same values, rounded") {
  const HashAdjustment change{.mul = 0.5, .add = 3.0};
  const auto wide = hash_weights({{"x.weight", change}});
  const auto narrow = hash_weights({{"x.weight", change}}, DType::kBF16);
  const Tensor a = wide->get("x.weight", kShape), b = narrow->get("x.weight", kShape);
  check(b.dtype() == DType::kBF16, "dtype ", b.dtype());
  for (int64_t i = 0; i < kShape.numel(); ++i) {
    check(b.data<BFloat16>()[i].bits == BFloat16(a.data<float>()[i]).bits, "element ", i);
  }
  check_throws(Code::kInvalidArgument, [] { hash_weights({}, DType::kI32); });
}

}  // namespace vmolmo::test
