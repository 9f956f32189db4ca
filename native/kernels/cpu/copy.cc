#include "native/kernels/cpu/copy.h"

#include <cstring>

namespace vmolmo::cpu {
namespace {

template <typename Word>
void gather(const std::byte* source, std::byte* target, int64_t count, int64_t stride) {
  const Word* from = reinterpret_cast<const Word*>(source);
  Word* to = reinterpret_cast<Word*>(target);
  for (int64_t i = 0; i < count; ++i) to[i] = from[i * stride];
}

void copy_axis(const std::byte* from, std::byte* to, const StridedCopy& s, int axis,
               size_t element) {
  const int64_t count = s.dims[axis], from_step = s.from[axis], to_step = s.to[axis];
  const auto bytes = static_cast<int64_t>(element);
  if (axis + 1 == s.rank) {
    if (from_step == 1 && to_step == 1) {
      std::memcpy(to, from, static_cast<size_t>(count) * element);
      return;
    }
    for (int64_t i = 0; i < count; ++i)
      std::memcpy(to + i * to_step * bytes, from + i * from_step * bytes, element);
    return;
  }
  for (int64_t i = 0; i < count; ++i)
    copy_axis(from + i * from_step * bytes, to + i * to_step * bytes, s, axis + 1, element);
}

}  // namespace

void copy_row(const std::byte* source, std::byte* target, int64_t count, int64_t stride,
              size_t element) {
  if (stride == 1) {
    std::memcpy(target, source, static_cast<size_t>(count) * element);
    return;
  }
  switch (element) {
    case 1:
      return gather<uint8_t>(source, target, count, stride);
    case 2:
      return gather<uint16_t>(source, target, count, stride);
    case 4:
      return gather<uint32_t>(source, target, count, stride);
    default:
      return gather<uint64_t>(source, target, count, stride);
  }
}

void copy_strided(const std::byte* from, std::byte* to, const StridedCopy& shape, size_t element) {
  copy_axis(from, to, shape, 0, element);
}

}  // namespace vmolmo::cpu
