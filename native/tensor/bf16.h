#pragma once

#include <cstdint>

#include "videomolmo/tensor.h"

namespace vmolmo {

// to[i] = BFloat16(from[i]), many at a time.
void round_to_bf16(const float* from, BFloat16* to, int64_t count);

}  // namespace vmolmo
