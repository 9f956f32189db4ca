#include "native/ops/copy.h"

#include "native/kernels/cpu/copy.h"
#include "native/kernels/cpu/loops.h"
#include "native/kernels/cuda/copy.h"
#include "native/kernels/cuda/elementwise.h"
#include "native/ops/on_cuda.h"

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

constexpr int64_t kGrainElements = 32768;

// The target's extents and the steps of both; none along an axis that the source repeats.
template <typename Copy>
Copy strides_of(const Tensor& source, const Tensor& target) {
  Copy shape;
  shape.rank = target.rank();
  for (int axis = 0; axis < shape.rank; ++axis) {
    shape.dims[axis] = target.dim(axis);
    shape.from[axis] = source.dim(axis) == 1 ? 0 : source.stride(axis);
    shape.to[axis] = target.stride(axis);
  }
  return shape;
}

void copy_on_device(Context& context, const Tensor& source, const Tensor& target) {
  const auto shape = strides_of<cuda::CopyShape>(source, target);
  // The two ends must lie on the device, whatever their type.
  for (const Tensor* x : {&source, &target}) {
    require(x->device() == context.device(), Code::kInternal, "copy: shape ", x->shape(), " is on ",
            to_string(x->device()), ", not on ", to_string(context.device()), ".");
  }
  cuda::copy_strided(stream(context), source.raw(), target.raw(), shape,
                     dtype_size(target.dtype()));
}

}  // namespace

Tensor dense_copy(Context& context, const Tensor& view) {
  Tensor copy = context.empty(view.shape(), view.dtype());
  if (view.numel() == 0) return copy;
  ON_CUDA(context) {
    copy_on_device(context, view, copy);
    return copy;
  }
  const Walk walk(view);
  const size_t element = dtype_size(view.dtype());
  const int64_t length = walk.dims.back(), stride = walk.strides.back(), rows = walk.rows();
  if (rows == 1) {
    context.threads().parallel_for(length, kGrainElements, [&](int64_t begin, int64_t end) {
      cpu::copy_row(view.raw() + begin * stride * int64_t(element),
                    copy.raw() + begin * int64_t(element), end - begin, stride, element);
    });
    return copy;
  }
  context.threads().parallel_for(
      rows, 1 + kGrainElements / length, [&](int64_t begin, int64_t end) {
        for (int64_t row = begin; row < end; ++row) {
          cpu::copy_row(view.raw() + walk.row_offset(row) * int64_t(element),
                        copy.raw() + row * length * int64_t(element), length, stride, element);
        }
      });
  return copy;
}

void copy_into(Context& context, const Tensor& source, const Tensor& target) {
  bool fits =
      source.dtype() == target.dtype() && source.rank() == target.rank() && target.rank() > 0;
  for (int axis = 0; fits && axis < target.rank(); ++axis) {
    fits = source.dim(axis) == target.dim(axis) || source.dim(axis) == 1;
  }
  require(fits, Code::kInternal, "copy_into: ", source.dtype(), " ", source.shape(),
          " does not fill ", target.dtype(), " ", target.shape(), ".");
  if (target.numel() == 0) return;
  ON_CUDA(context) return copy_on_device(context, source, target);
  cpu::copy_strided(source.raw(), target.raw(), strides_of<cpu::StridedCopy>(source, target),
                    dtype_size(target.dtype()));
}

Tensor widened(Context& context, const Tensor& x) {
  if (x.dtype() == DType::kF32) return x;
  ON_CUDA(context) {
    require(x.dtype() == DType::kBF16, Code::kInternal, "Only BF16 tensors are widened on a GPU; ",
            "this one is ", x.dtype(), ".");
    const Tensor dense = x.is_contiguous() ? x : dense_copy(context, x);
    Tensor wide = context.empty(x.shape());
    cuda::widen_bf16(stream(context), on_device_words(dense), on_device<float>(wide), x.numel());
    return wide;
  }
  return x.to_f32(context.memory());
}

Tensor narrowed(Context& context, const Tensor& x) {
  const Tensor dense = x.is_contiguous() ? x : dense_copy(context, x);
  Tensor narrow = context.empty(x.shape(), DType::kBF16);
  ON_CUDA(context) {
    cuda::round_to_bf16(stream(context), on_device<float>(dense), on_device_words(narrow),
                        x.numel());
    return narrow;
  }
  const float* in = dense.data<float>();
  BFloat16* out = narrow.data<BFloat16>();
  context.threads().parallel_for(x.numel(), kGrainElements, [&](int64_t begin, int64_t end) {
    cpu::loops().narrow(in + begin, &out[begin].bits, end - begin);
  });
  return narrow;
}

}  // namespace vmolmo::ops
