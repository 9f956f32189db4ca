#pragma once

#include <cstdint>

// Choices between entries of a batch.
namespace vmolmo::cpu {

// The first of the row's greatest elements in the columns [begin, columns), for each row.
void best_column(const float* x, int64_t rows, int64_t columns, int64_t begin, int32_t* best);

// The fallback where the area above `delta`, as a share of that above -delta (1 of nothing), is
// below the threshold, else 0; for each of the maps.
void zero_if_stable(const float* logits, int64_t maps, int64_t pixels, float delta, float threshold,
                    const int32_t* fallback, int32_t* choice);

}  // namespace vmolmo::cpu
