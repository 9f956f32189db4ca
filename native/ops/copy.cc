#include "native/ops/copy.h"

#include <cstring>

namespace vmolmo::ops {
namespace {

// The view with axes of extent 1 dropped and neighbours merged where one step covers both. There is
// always at least one axis.
struct Walk {
  std::vector<int64_t> dims, strides;

  explicit Walk(const Tensor& x) {
    for (int axis = 0; axis < x.rank(); ++axis) {
      const int64_t dim = x.dim(axis), stride = x.stride(axis);
      if (dim == 1) continue;
      if (!dims.empty() && strides.back() == stride * dim) {
        dims.back() *= dim;
        strides.back() = stride;
      } else {
        dims.push_back(dim);
        strides.push_back(stride);
      }
    }
    if (dims.empty()) {
      dims.push_back(1);
      strides.push_back(1);
    }
  }

  int64_t rows() const {
    int64_t count = 1;
    for (size_t i = 0; i + 1 < dims.size(); ++i) count *= dims[i];
    return count;
  }
  int64_t row_offset(int64_t row) const {
    int64_t offset = 0;
    for (size_t i = dims.size() - 1; i-- > 0;) {
      offset += row % dims[i] * strides[i];
      row /= dims[i];
    }
    return offset;
  }
};

template <typename Word>
void gather(const std::byte* source, std::byte* target, int64_t count, int64_t stride) {
  const Word* from = reinterpret_cast<const Word*>(source);
  Word* to = reinterpret_cast<Word*>(target);
  for (int64_t i = 0; i < count; ++i) to[i] = from[i * stride];
}

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

constexpr int64_t kGrainElements = 32768;

}  // namespace

Tensor dense_copy(Context& context, const Tensor& view) {
  Tensor copy = context.empty(view.shape(), view.dtype());
  if (view.numel() == 0) return copy;
  const Walk walk(view);
  const size_t element = dtype_size(view.dtype());
  const int64_t length = walk.dims.back(), stride = walk.strides.back(), rows = walk.rows();
  if (rows == 1) {
    context.threads().parallel_for(length, kGrainElements, [&](int64_t begin, int64_t end) {
      copy_row(view.raw() + begin * stride * int64_t(element),
               copy.raw() + begin * int64_t(element), end - begin, stride, element);
    });
    return copy;
  }
  context.threads().parallel_for(
      rows, 1 + kGrainElements / length, [&](int64_t begin, int64_t end) {
        for (int64_t row = begin; row < end; ++row) {
          copy_row(view.raw() + walk.row_offset(row) * int64_t(element),
                   copy.raw() + row * length * int64_t(element), length, stride, element);
        }
      });
  return copy;
}

}  // namespace vmolmo::ops
