#include "native/kernels/cuda/dequantize.h"

#include "native/kernels/cuda/launch.cuh"

namespace vmolmo::cuda {
namespace {

// In constant memory, as a table of a kernel's own would be built on every thread's stack.
__constant__ float kFp4[16] = {
    0.0f,  5.208333333e-03f,  0.66666667f,  1.0f,  0.33333333f,  0.5f,  0.16666667f,  0.25f,
    -0.0f, -5.208333333e-03f, -0.66666667f, -1.0f, -0.33333333f, -0.5f, -0.16666667f, -0.25f};

__device__ __forceinline__ float value_at(const QuantizedRows& w, int64_t row, int64_t column) {
  const auto* line = static_cast<const unsigned char*>(w.data) + row * w.row_bytes;
  if (w.format == Weight::Format::kInt8)
    return static_cast<float>(static_cast<signed char>(line[column])) * w.scales[row];
  const int64_t inside = column % 32;
  const int byte = line[column / 32 * 16 + inside % 16];
  const int code = inside < 16 ? byte & 15 : byte >> 4;
  const float scale = w.scales[row * ((w.columns + w.group - 1) / w.group) + column / w.group];
  return (w.format == Weight::Format::kInt4 ? static_cast<float>(code - 8) : kFp4[code]) * scale;
}

// Two columns per thread, one store.
__global__ void dequantize_kernel(const QuantizedRows w, uint16_t* out, int64_t ld) {
  const int64_t pairs = ld / 2;
  for (int64_t at = first_item(); at < w.rows * pairs; at += item_step()) {
    const int64_t row = at / pairs, column = at % pairs * 2;
    const float low = column < w.columns ? value_at(w, row, column) : 0.0f;
    const float high = column + 1 < w.columns ? value_at(w, row, column + 1) : 0.0f;
    reinterpret_cast<__nv_bfloat162*>(out)[at] = __floats2bfloat162_rn(low, high);
  }
}

}  // namespace

void dequantize_rows(Stream stream, const QuantizedRows& weight, uint16_t* out, int64_t ld) {
  launch(dequantize_kernel, {grid_for(weight.rows * ld / 2, 256), 256, 0, stream}, weight, out, ld);
}

}  // namespace vmolmo::cuda
