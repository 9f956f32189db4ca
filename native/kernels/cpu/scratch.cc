#include "native/kernels/cpu/scratch.h"

#include <array>

#include "videomolmo/tensor.h"

namespace vmolmo::cpu {

float* thread_scratch(Scratch slot, size_t floats) {
  thread_local std::array<std::shared_ptr<Storage>, static_cast<size_t>(Scratch::kCount)> held;
  auto& storage = held[static_cast<size_t>(slot)];
  if (!storage || storage->bytes < floats * sizeof(float)) {
    storage.reset();
    storage = cpu_heap().allocate(floats * sizeof(float));
  }
  return reinterpret_cast<float*>(storage->data);
}

}  // namespace vmolmo::cpu
