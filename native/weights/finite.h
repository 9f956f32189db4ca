#pragma once

#include "videomolmo/weights.h"

namespace vmolmo {

class ThreadPool;

// True unless a floating tensor in the CPU's memory, in row-major order, holds NaN or infinity.
bool all_finite(const Tensor& tensor, ThreadPool* threads = nullptr);

// Throws NonFinite.
void require_finite(const Tensor& results, const char* what);

}  // namespace vmolmo
