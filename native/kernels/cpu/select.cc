#include "native/kernels/cpu/select.h"

#include <algorithm>

#include "native/kernels/cpu/loops.h"

namespace vmolmo::cpu {

void best_column(const float* x, int64_t rows, int64_t columns, int64_t begin, int32_t* best) {
  for (int64_t r = 0; r < rows; ++r, x += columns)
    best[r] = static_cast<int32_t>(std::max_element(x + begin, x + columns) - x);
}

void zero_if_stable(const float* logits, int64_t maps, int64_t pixels, float delta, float threshold,
                    const int32_t* fallback, int32_t* choice) {
  for (int64_t m = 0; m < maps; ++m, logits += pixels) {
    const int64_t inner = loops().count_above(logits, delta, pixels);
    const int64_t outer = loops().count_above(logits, -delta, pixels);
    const float share = outer == 0 ? 1.0f : static_cast<float>(inner) / static_cast<float>(outer);
    choice[m] = share < threshold ? fallback[m] : 0;
  }
}

}  // namespace vmolmo::cpu
