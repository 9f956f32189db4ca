#pragma once

#include <span>
#include <vector>

#include "native/base/thread_pool.h"
#include "native/tensor/weight.h"

namespace vmolmo {

// Weights quantised on load. matrix: F32, BF16 or F16 [out, in] with rows that lie densely; the
// result owns its memory. The formats are specified at Weight.

// The tensors of a matrix [out, in] in a quantised format; `group` is that of kInt4. A width
// without a kFp4 form is kPlain in f32.
struct QuantisedShape {
  Weight::Format format = Weight::Format::kPlain;
  DType dtype = DType::kF32;  // of data
  Shape data;
  Shape scales;       // of f32; of no extents where there are none
  int64_t group = 0;  // as Weight has it

  size_t bytes() const;
};
QuantisedShape quantised_shape(Weight::Format format, const Shape& matrix, int64_t group);

// Per output row: scale = max |w| / 127, code = w / scale to the nearest (ties to even).
Weight quantize_int8(const Tensor& matrix, ThreadPool& threads);

// Per group: the element of largest magnitude becomes code 0 (-8), the others the nearest code;
// then the scale is set to the one with the least squared error for these codes. group: 64 or 128.
Weight quantize_int4(const Tensor& matrix, int64_t group, ThreadPool& threads);

// As bitsandbytes loads a 4-bit model by default. A width without a kFp4 form gives a plain F32
// weight with the same values.
Weight quantize_fp4(const Tensor& matrix, ThreadPool& threads);

// The rule of bitsandbytes' FP4 for consecutive elements of a flattened matrix: one code per
// element, one absmax per block of 64, the last of which may be short.
struct Fp4Codes {
  std::vector<uint8_t> codes;
  std::vector<float> absmax;
};
Fp4Codes encode_fp4(std::span<const float> values);

// w as F32 [out, in]; a plain weight is widened.
Tensor dequantize(const Weight& weight, Allocator& allocator);

}  // namespace vmolmo
