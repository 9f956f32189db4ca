#include "native/kernels/cuda/round.h"

#include "test/native/cuda/support.h"
#include "videomolmo/tensor.h"

namespace vmolmo::test {
namespace {

uint16_t as_word(float value) { return BFloat16(value).bits; }
uint16_t as_word(uint16_t word) { return word; }

// [rows, heads, d] with gaps between rows and heads, padded to `padded` channels.
template <typename T>
void run(const std::vector<T>& x, int64_t rows, int64_t heads, int64_t d, int64_t head_step,
         int64_t row_step) {
  const int64_t padded = cuda::bf16_row(d);
  const DeviceArray<T> from(x);
  const DeviceArray<uint16_t> to(static_cast<size_t>(rows * heads * padded));
  to.poison();
  cuda::round_heads(nullptr, from.get(), row_step, head_step, to.get(), rows, heads, d, padded);
  const std::vector<uint16_t> got = to.read();
  for (int64_t at = 0; at < rows * heads * padded; ++at) {
    const int64_t c = at % padded, h = at / padded % heads, r = at / padded / heads;
    const T* row = x.data() + r * row_step + h * head_step;
    check(got[static_cast<size_t>(at)] == (c < d ? as_word(row[c]) : uint16_t{0}), "row ", r,
          " head ", h, " channel ", c, " of ", d);
  }
}

}  // namespace

TEST_CASE("cuda round: nearest even, words as they are, zeros behind the channels") {
  Random random(5);
  for_each_order([&] {
    for (const int64_t d : {1, 7, 8, 13, 40}) {
      for (const int64_t gap : {0, 3, 8}) {
        const int64_t rows = 5, heads = 3, head_step = d + gap, row_step = heads * head_step + gap;
        const auto x = random.normal(rows * row_step);
        std::vector<uint16_t> words;
        for (const float value : x) words.push_back(as_word(value));
        run(x, rows, heads, d, head_step, row_step);
        run(words, rows, heads, d, head_step, row_step);
      }
    }
  });
}

}  // namespace vmolmo::test
