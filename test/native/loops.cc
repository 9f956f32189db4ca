// The loops of kernels/cpu/loops.h: the same bits in every instruction set, each rounding its own.

#include "native/kernels/cpu/loops.h"

#include <cstring>
#include <functional>
#include <vector>

#include "native/ops/resize_taps.h"
#include "test/native/harness.h"

namespace vmolmo::test {
namespace {

// Runs `loop` on a copy of `result` in every set; the bits must be those of the first.
template <typename Value>
void check_sets(const char* name, const std::vector<Value>& result,
                const std::function<void(const cpu::Loops&, Value*)>& loop) {
  std::vector<Value> first;
  for (const cpu::Kernels* set : cpu::supported_kernels()) {
    std::vector<Value> own = result;
    loop(cpu::loops_of(*set), own.data());
    if (first.empty()) first = own;
    check(std::memcmp(own.data(), first.data(), own.size() * sizeof(Value)) == 0, name, ": ",
          set->name, " differs from ", cpu::supported_kernels()[0]->name);
  }
  check(std::memcmp(first.data(), result.data(), result.size() * sizeof(Value)) != 0, name,
        " does nothing");
}

// Lengths around the width of a vector, and one beyond a block.
constexpr int64_t kLengths[] = {1, 7, 16, 33, 1500};

}  // namespace

TEST_CASE("loops: a product and a sum are rounded apart in every set") {
  constexpr int64_t n = 64;
  std::vector<float> a(n), b(n), expected(n);
  for (int64_t i = 0; i < n; ++i) {
    b[i] = 1.0f + static_cast<float>(i + 1) * 0x1p-23f;
    volatile float product = b[i] * 1.000001f;
    a[i] = -product;
    volatile float sum = a[i] + product;
    expected[i] = sum;
  }
  for (const cpu::Kernels* set : cpu::supported_kernels()) {
    std::vector<float> out(n, 1.0f);
    cpu::loops_of(*set).add(a.data(), b.data(), 1.000001f, out.data(), n);
    check(out == expected, set->name, " rounds once");
  }
}

TEST_CASE("loops: elements have the same bits in every set, and may be written in place") {
  Random random(3);
  for (const int64_t n : kLengths) {
    const std::vector<float> a = random.normal(n), b = random.normal(n), old(n, 7.0f);
    const auto both = [&](const char* name, const auto& loop) {
      check_sets<float>(name, old,
                        [&](const cpu::Loops& l, float* out) { loop(l, a.data(), out); });
      std::vector<float> apart = old;
      loop(cpu::loops(), a.data(), apart.data());
      std::vector<float> in_place = a;
      loop(cpu::loops(), in_place.data(), in_place.data());
      check(apart == in_place, name, " in place, ", n, " elements");
    };
    using cpu::Loops;
    both("add", [&](const Loops& l, const float* x, float* y) { l.add(x, b.data(), 0.3f, y, n); });
    both("multiply",
         [&](const Loops& l, const float* x, float* y) { l.multiply(x, b.data(), y, n); });
    both("affine",
         [&](const Loops& l, const float* x, float* y) { l.affine(x, 1.7f, -0.3f, y, n); });
    both("scale", [&](const Loops& l, const float* x, float* y) { l.scale(x, 1.7f, y, n); });
    both("lerp",
         [&](const Loops& l, const float* x, float* y) { l.lerp(x, b.data(), 0.3f, y, n); });
    both("clamp", [&](const Loops& l, const float* x, float* y) { l.clamp(x, -0.5f, 0.5f, y, n); });
    both("step", [&](const Loops& l, const float* x, float* y) { l.step(x, 0.0f, true, y, n); });
    both("round", [&](const Loops& l, const float* x, float* y) { l.round_to_bf16(x, y, n); });
    check_sets<uint16_t>("narrow", std::vector<uint16_t>(n, 1),
                         [&](const Loops& l, uint16_t* out) { l.narrow(a.data(), out, n); });
    check_sets<uint8_t>("above", std::vector<uint8_t>(n, 2),
                        [&](const Loops& l, uint8_t* out) { l.above(a.data(), 0.1f, out, n); });
    check_sets<uint8_t>("at most", std::vector<uint8_t>(n, 2),
                        [&](const Loops& l, uint8_t* out) { l.at_most(a.data(), 0.1f, out, n); });
    check_sets<int64_t>("count", {-1}, [&](const Loops& l, int64_t* out) {
      *out = l.count_above(a.data(), 0.1f, n);
    });
  }
}

TEST_CASE("loops: greatest of objects, and equal ones, in every set") {
  Random random(5);
  for (const int64_t n : kLengths) {
    constexpr int64_t kObjects = 3;
    std::vector<float> logits = random.normal(kObjects * (n + 2));
    logits[0] = logits[n + 2] = 4.0f;
    check_sets<float>("suppress", logits, [&](const cpu::Loops& l, float* x) {
      l.suppress_overlap(x, kObjects, n + 2, n, -10.0f);
      check(x[0] == 4.0f && x[n + 2] == -10.0f, "the first of equal objects stays");
      for (int64_t i = 0; i < n; ++i) {
        int kept = 0;
        for (int64_t o = 0; o < kObjects; ++o) kept += x[o * (n + 2) + i] > -10.0f;
        check(kept == 1, kept, " objects at pixel ", i);
      }
      check(x[n] == logits[n] && x[n + 1] == logits[n + 1], "pixels behind the last");
    });
  }
}

TEST_CASE("loops: rows of resizes, pools and positions have the same bits in every set") {
  Random random(9);
  using cpu::Loops;
  for (const int64_t c : {1, 3, 17}) {
    constexpr int64_t kIn = 40, kOut = 71;
    const std::vector<float> top = random.normal(kIn * c), bottom = random.normal(kIn * c);
    std::vector<uint8_t> bytes(kIn * c);
    for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random.integer(0, 255));
    const std::vector<float> old(kOut * c, 7.0f);
    const ops::LinearAxis axis = ops::linear_taps(kIn, kOut);
    const cpu::LinearTaps linear{axis.low.data(), axis.high.data(), axis.weight.data()};
    check_sets<float>("bilinear", old, [&](const Loops& l, float* out) {
      l.bilinear(top.data(), bottom.data(), 0.3f, linear, kOut, c, out);
    });
    const auto cubic = ops::cubic_taps(kIn, kOut);
    check_sets<float>("bicubic", old, [&](const Loops& l, float* out) {
      const float* rows[] = {top.data(), bottom.data(), top.data(), bottom.data()};
      l.bicubic(rows, cubic[3].weight, cubic.data(), kOut, c, out);
    });
    const auto triangle = ops::triangle_taps(kIn, kOut);
    const cpu::Taps<float> taps{triangle.first.data(), triangle.count.data(),
                                triangle.offset.data(), triangle.weights.data()};
    check_sets<float>("resample", old, [&](const Loops& l, float* out) {
      l.resample(top.data(), taps, kOut, c, out);
    });
    check_sets<float>("resample bytes", old, [&](const Loops& l, float* out) {
      l.resample_bytes(bytes.data(), taps, kOut, c, out);
    });
    const auto pillow = ops::pillow_taps(kIn, kOut);
    const cpu::Taps<int32_t> fixed{pillow.first.data(), pillow.count.data(), pillow.offset.data(),
                                   pillow.weights.data()};
    check_sets<uint8_t>("resample fixed", std::vector<uint8_t>(kOut * c, 7),
                        [&](const Loops& l, uint8_t* out) {
                          l.resample_fixed(bytes.data(), fixed, ops::kPillowBits, kOut, c, out);
                        });
    check_sets<float>("pool", old, [&](const Loops& l, float* out) {
      l.max_pool_row(top.data(), bottom.data(), kIn / 2, c, out);
    });
    check_sets<float>("halves", top, [&](const Loops& l, float* x) {
      l.rotate_halves(x, bottom.data(), bottom.data() + kIn * c / 2, kIn * c / 2);
    });
    check_sets<float>("pairs", top, [&](const Loops& l, float* x) {
      l.rotate_pairs(x, bottom.data(), bottom.data() + kIn * c / 2, kIn * c / 2);
    });
  }
  const std::vector<float> pixels = random.normal(3 * 37);
  const float mean[] = {0.48f, 0.46f, 0.41f}, deviation[] = {0.27f, 0.26f, 0.28f};
  check_sets<float>("normalize", std::vector<float>(3 * 37), [&](const Loops& l, float* out) {
    l.normalize(pixels.data(), mean, deviation, 37, out);
  });
}

}  // namespace vmolmo::test
