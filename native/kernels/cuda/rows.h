#pragma once

#include <cstdint>

#include "native/kernels/cuda/stream.h"

// Softmax, scattering of rows, RoPE.
namespace vmolmo::cuda {

// x, y [rows, n].
void softmax(Stream stream, const float* x, float* y, int64_t rows, int64_t n);

// x[index[i]] += rows[i] for index[i] >= 0. Of equal indices every one counts.
void scatter_add_rows(Stream stream, float* x, const float* rows, const int32_t* index,
                      int64_t count, int64_t width);

// In place on x [rows, heads, 2 half], f32 or bf16 bits, row n turned by row n of the tables
// [.., half].
void rope_rotate_half(Stream stream, float* x, int64_t row_stride, int64_t head_stride,
                      const float* cos, const float* sin, int64_t rows, int64_t heads,
                      int64_t half);
void rope_rotate_half(Stream stream, uint16_t* x, int64_t row_stride, int64_t head_stride,
                      const float* cos, const float* sin, int64_t rows, int64_t heads,
                      int64_t half);
// In place on x [batch, rows, 2 half], f32 or bf16 bits: adjacent channels, row n turned by table
// row n % period.
void rope_axial(Stream stream, float* x, int64_t batch_stride, int64_t row_stride, const float* cos,
                const float* sin, int64_t batch, int64_t rows, int64_t half, int64_t period);
void rope_axial(Stream stream, uint16_t* x, int64_t batch_stride, int64_t row_stride,
                const float* cos, const float* sin, int64_t batch, int64_t rows, int64_t half,
                int64_t period);

}  // namespace vmolmo::cuda
