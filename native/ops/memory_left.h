#pragma once

#include <cstddef>
#include <cstdint>

#include "native/ops/context.h"

namespace vmolmo {

// What a model with its weights loaded may take for its work.
struct MemoryLeft {
  int64_t weights = 0;
  size_t limit = 0;      // of weights and work; 0: none on the CPU, on a GPU what is free
  size_t available = 0;  // for the work; SIZE_MAX: any

  MemoryLeft(Context& context, size_t limit, int64_t weight_bytes);
  // Throws OUT_OF_MEMORY, naming what `model` needs and has, when its work does not fit.
  void require_for(const char* model, size_t work_bytes) const;
};

}  // namespace vmolmo
