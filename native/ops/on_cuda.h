#pragma once

#include "native/kernels/cuda/pool.h"
#include "native/ops/context.h"

// How ops dispatch. After its checks an op does
//   ON_CUDA(context) { cuda::rms_norm(stream(context), ...); return y; }
// and goes on with the CPU. Without CUDA in the build the block is discarded before anything in it
// must exist.

namespace vmolmo {

#ifdef VMOLMO_HAVE_CUDA
inline constexpr bool kBuiltWithCuda = true;
#else
inline constexpr bool kBuiltWithCuda = false;
#endif

#define ON_CUDA(context)                  \
  if constexpr (::vmolmo::kBuiltWithCuda) \
    if ((context).on_cuda())

namespace ops {

inline cuda::Stream stream(Context& context) { return context.pool().stream(); }

// A tensor's bytes for a kernel. Throws INTERNAL for a tensor in the CPU's memory.
template <typename T>
T* on_device(const Tensor& x) {
  require(x.device().kind == Device::Kind::kCuda, Code::kInternal,
          "An op on a GPU got a tensor of shape ", x.shape(), " in the CPU's memory.");
  return x.device_data<T>();
}

// The same for a tensor that may be empty ("no tensor").
inline const float* on_device_or_null(const Tensor& x) { return x ? on_device<float>(x) : nullptr; }

// The bits of a BF16 tensor.
inline uint16_t* on_device_words(const Tensor& x) {
  return reinterpret_cast<uint16_t*>(on_device<BFloat16>(x));
}

// An F32 or BF16 tensor's values.
inline void* on_device_values(const Tensor& x) {
  return x.dtype() == DType::kBF16 ? static_cast<void*>(on_device<BFloat16>(x))
                                   : on_device<float>(x);
}

// body(elements) with those of an F32 or BF16 tensor: float* or the bits.
template <typename Body>
auto with_elements(const Tensor& x, const Body& body) {
  return x.dtype() == DType::kBF16 ? body(on_device_words(x)) : body(on_device<float>(x));
}

// The elements of another tensor of the same type.
inline float* elements_like(const float*, const Tensor& x) { return on_device<float>(x); }
inline uint16_t* elements_like(const uint16_t*, const Tensor& x) { return on_device_words(x); }

// Bytes that a kernel needs while it runs.
inline Tensor scratch(Context& context, size_t bytes) {
  return context.empty({static_cast<int64_t>(bytes > 0 ? bytes : 1)}, DType::kU8);
}

}  // namespace ops
}  // namespace vmolmo
