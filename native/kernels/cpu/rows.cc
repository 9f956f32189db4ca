#include "native/kernels/cpu/rows.h"

#include "native/kernels/cpu/loops.h"

namespace vmolmo::cpu {

void scatter_add_rows(float* x, const float* rows, const int32_t* index, int64_t count,
                      int64_t width) {
  for (int64_t i = 0; i < count; ++i) {
    if (index[i] < 0) continue;
    float* out = x + index[i] * width;
    loops().add(out, rows + i * width, 1.0f, out, width);
  }
}

}  // namespace vmolmo::cpu
