#pragma once

#include <cstdint>

#include "native/kernels/cuda/stream.h"

// x [rows, n] f32, y [rows, n] f32 or bf16 bits; weight [n]. An f32 y may be x.
namespace vmolmo::cuda {

void rms_norm(Stream stream, const float* x, const float* weight, float* y, int64_t rows, int64_t n,
              float eps);
void rms_norm(Stream stream, const float* x, const float* weight, uint16_t* y, int64_t rows,
              int64_t n, float eps);
// bias [n] or null.
void layer_norm(Stream stream, const float* x, const float* weight, const float* bias, float* y,
                int64_t rows, int64_t n, float eps);
void layer_norm(Stream stream, const float* x, const float* weight, const float* bias, uint16_t* y,
                int64_t rows, int64_t n, float eps);

}  // namespace vmolmo::cuda
