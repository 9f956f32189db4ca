#include "native/kernels/cuda/copy.h"

#include "native/kernels/cuda/launch.cuh"

namespace vmolmo::cuda {
namespace {

constexpr int kThreads = 256;

template <typename Word>
__global__ void copy_kernel(const Word* from, Word* to, CopyShape shape, int64_t count) {
  for (int64_t i = first_item(); i < count; i += item_step()) {
    int64_t rest = i, source = 0, target = 0;
    for (int axis = shape.rank - 1; axis >= 0; --axis) {
      const int64_t index = rest % shape.dims[axis];
      rest /= shape.dims[axis];
      source += index * shape.from[axis];
      target += index * shape.to[axis];
    }
    to[target] = from[source];
  }
}

template <typename Word>
void copy_words(Stream stream, const void* from, void* to, const CopyShape& shape, int64_t count) {
  launch(copy_kernel<Word>, {grid_for(count, kThreads), kThreads, 0, stream},
         static_cast<const Word*>(from), static_cast<Word*>(to), shape, count);
}

}  // namespace

void copy_strided(Stream stream, const void* from, void* to, const CopyShape& shape,
                  size_t element) {
  int64_t count = 1;
  for (int axis = 0; axis < shape.rank; ++axis) count *= shape.dims[axis];
  switch (element) {
    case 1:
      return copy_words<uint8_t>(stream, from, to, shape, count);
    case 2:
      return copy_words<uint16_t>(stream, from, to, shape, count);
    case 4:
      return copy_words<uint32_t>(stream, from, to, shape, count);
    default:
      return copy_words<uint64_t>(stream, from, to, shape, count);
  }
}

}  // namespace vmolmo::cuda
