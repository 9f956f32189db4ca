#pragma once

#include <cstdint>

#include "native/kernels/cuda/stream.h"

// Operands of products on tensor cores: bf16 rows that start at multiples of 16 bytes.
namespace vmolmo::cuda {

// The row step that makes rows of `columns` bf16 values start at multiples of 16 bytes.
constexpr int64_t bf16_row(int64_t columns) { return (columns + 7) / 8 * 8; }

// to [rows, heads, padded] bf16, contiguous = from [rows, heads, d] with the given steps, f32
// rounded to nearest even or bf16 bits as they are; zero behind d. padded: a multiple of 8.
void round_heads(Stream stream, const float* from, int64_t row_step, int64_t head_step,
                 uint16_t* to, int64_t rows, int64_t heads, int64_t d, int64_t padded);
void round_heads(Stream stream, const uint16_t* from, int64_t row_step, int64_t head_step,
                 uint16_t* to, int64_t rows, int64_t heads, int64_t d, int64_t padded);

// y [rows, ldy] = x [rows, columns] likewise.
template <typename T>
void round_rows(Stream stream, const T* x, int64_t ldx, uint16_t* y, int64_t ldy, int64_t rows,
                int64_t columns) {
  round_heads(stream, x, ldx, 0, y, rows, 1, columns, ldy);
}

}  // namespace vmolmo::cuda
