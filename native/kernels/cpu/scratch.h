#pragma once

#include <cstddef>

namespace vmolmo::cpu {

// Grow-only memory of the calling thread, 64-byte aligned, for what lives no longer than one task.
// The uses of one task take different slots.
enum class Scratch { kPanels, kKeys, kAttention, kCount };

float* thread_scratch(Scratch slot, size_t floats);

}  // namespace vmolmo::cpu
