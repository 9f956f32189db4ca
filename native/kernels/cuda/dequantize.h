#pragma once

#include <cstdint>

#include "native/kernels/cuda/stream.h"
#include "native/tensor/weight.h"

namespace vmolmo::cuda {

// Rows of a quantised weight (tensor/weight.h).
struct QuantizedRows {
  const void* data = nullptr;
  const float* scales = nullptr;
  int64_t rows = 0, columns = 0;
  int64_t row_bytes = 0;
  int64_t group = 0;  // of the 4-bit formats
  Weight::Format format = Weight::Format::kInt8;
};

// out [rows, ld] bf16 words: values times scales, rounded to nearest even; zero behind the columns.
void dequantize_rows(Stream stream, const QuantizedRows& weight, uint16_t* out, int64_t ld);

}  // namespace vmolmo::cuda
