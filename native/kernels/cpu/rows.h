#pragma once

#include <cstdint>

namespace vmolmo::cpu {

// Row index[i] of x [.., width] += row i of rows, in order; negative indices are left out.
void scatter_add_rows(float* x, const float* rows, const int32_t* index, int64_t count,
                      int64_t width);

}  // namespace vmolmo::cpu
