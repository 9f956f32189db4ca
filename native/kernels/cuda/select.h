#pragma once

#include <cstdint>

#include "native/kernels/cuda/stream.h"

// Choices made by values in device memory. f32 and contiguous.
namespace vmolmo::cuda {

// best[r] = the column of the largest of columns begin .. columns - 1 of row r; ties: the lowest.
void best_column(Stream stream, const float* x, int64_t rows, int64_t columns, int64_t begin,
                 int32_t* best);
// out [batch, inner] = x [batch, columns, inner] at column index[b] + shift.
void pick(Stream stream, const float* x, const int32_t* index, int64_t shift, int64_t batch,
          int64_t columns, int64_t inner, float* out);
// choice[b] = 0 when the area of logits [batch, pixels] above +delta is at least `threshold` of
// that above -delta, or the latter is empty; else fallback[b]. areas: two zeros per entry.
void zero_if_stable(Stream stream, const float* logits, int64_t batch, int64_t pixels, float delta,
                    float threshold, const int32_t* fallback, unsigned long long* areas,
                    int32_t* choice);

enum class GateAction : uint8_t { kReplace, kAdd };
// Entries of x [batch, inner] whose gate is not positive become, or get added, row[i % period];
// without a row, `value`.
void apply_gate(Stream stream, float* x, const float* gate, int64_t batch, int64_t inner,
                const float* row, float value, int64_t period, GateAction action);

}  // namespace vmolmo::cuda
