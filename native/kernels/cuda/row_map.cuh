#pragma once

#include "native/kernels/cuda/launch.cuh"
#include "native/kernels/cuda/row_map.h"

namespace vmolmo::cuda {

__device__ __forceinline__ int64_t row_start(const RowMap& map, int64_t row, int64_t image_step) {
  const auto columns = static_cast<uint32_t>(map.columns);
  const auto lines = static_cast<uint32_t>(map.lines);
  const auto pixel = static_cast<uint32_t>(row);
  const uint32_t line = pixel / columns, image = line / lines;
  return (pixel - line * columns) * map.column_step + (line - image * lines) * map.line_step +
         image * image_step;
}

__device__ __forceinline__ int64_t element_offset(const RowMap& map, int64_t k) {
  const auto element = static_cast<uint32_t>(k), run = static_cast<uint32_t>(map.run);
  const uint32_t runs = element / run;
  return runs * map.run_step + (element - runs * run);
}

}  // namespace vmolmo::cuda
