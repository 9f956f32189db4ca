#pragma once

#include <array>
#include <utility>

#include "videomolmo/tensor.h"

namespace vmolmo {

// A linear layer's matrix w [out, in] (y = x w^T), plain or quantised. Ops and kernels read the
// format, models do not. In every format a row's bytes lie together and rows follow each other, so
// a range of rows is a view; `data` and `scales` are contiguous, on one device.
//
// kPlain   data F32 or BF16 [out, in], as the checkpoint has it (a view into the mapped file where
//          possible); no scales.
//
// kInt8    data I8 [out, row_bytes], row_bytes = in rounded up to a multiple of 16, scales F32
//          [out, 1]:
//            w[o][i] = data[o][i] * scales[o]
//          Symmetric, -127 .. 127; scales[o] = max |w[o]| / 127. Bytes behind `in` are 0.
//
// kInt4    data U8 [out, row_bytes], row_bytes = 16 * ceil(in / 32), scales F32
//          [out, ceil(in / group)], group 64 or 128:
//            w[o][i] = (code(o, i) - 8) * scales[o][i / group]
//          Scales may be negative. Chunk c of 16 bytes holds the elements 32 c .. 32 c + 31 of a
//          row: byte 16 c + j has the code of element 32 c + j in its low nibble and that of
//          element 32 c + 16 + j in its high nibble. Codes behind `in` are 8, that is 0.
//
// kFp4     data and scales as for kInt4, group 64 or 32, in a multiple of it:
//            w[o][i] = kFp4Values[code(o, i)] * scales[o][i / group]
//          The values are those of bitsandbytes' FP4 with blocks of 64, which run over the
//          row-major matrix and ignore row ends: scales[o][g] is the absmax of the block that
//          element o * in + g * group lies in. Where in is an odd multiple of 32, group is 32 and
//          a block that two rows share has its absmax in both. Any other width has no kFp4 form:
//          such a matrix (the patch embedding) is kept plain, its values rounded to FP4.
struct Weight {
  enum class Format : uint8_t { kPlain, kInt8, kInt4, kFp4 };

  Tensor data;
  Tensor scales;
  Format format = Format::kPlain;
  int64_t columns = 0;  // in, of the quantised formats
  int64_t group = 0;    // elements along in that share a scale, of the 4-bit formats

  Weight() = default;
  Weight(Tensor plain) : data(std::move(plain)) {}  // NOLINT(google-explicit-constructor)

  explicit operator bool() const { return static_cast<bool>(data); }
  int64_t out_features() const { return data.dim(0); }
  int64_t in_features() const { return format == Format::kPlain ? data.dim(1) : columns; }
  Shape shape() const { return {out_features(), in_features()}; }
  size_t bytes() const { return data.bytes() + (scales ? scales.bytes() : 0); }

  // The rows [begin, end) of out: a view.
  Weight rows(int64_t begin, int64_t end) const {
    Weight part = *this;
    part.data = data.slice(0, begin, end);
    if (scales) part.scales = scales.slice(0, begin, end);
    return part;
  }
};

const char* format_name(Weight::Format format);  // "plain", "int8", "int4", "fp4"

// Value of each 4-bit code, before the scale.
inline constexpr std::array<float, 16> kInt4Values{-8, -7, -6, -5, -4, -3, -2, -1,
                                                   0,  1,  2,  3,  4,  5,  6,  7};
// bitsandbytes 0.46: 0, 1/192, 2/3, 1, 1/3, 1/2, 1/6, 1/4 as its kernels spell them; bit 3 negates.
inline constexpr std::array<float, 16> kFp4Values{
    0.0f,  5.208333333e-03f,  0.66666667f,  1.0f,  0.33333333f,  0.5f,  0.16666667f,  0.25f,
    -0.0f, -5.208333333e-03f, -0.66666667f, -1.0f, -0.33333333f, -0.5f, -0.16666667f, -0.25f};

}  // namespace vmolmo
