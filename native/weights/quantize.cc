#include "native/weights/quantize.h"

#include <algorithm>
#include <cmath>

namespace vmolmo {

namespace {

constexpr int64_t kChunk = 32;  // elements of a 4-bit row whose codes lie in 16 bytes
constexpr int64_t kFp4Block = 64;
constexpr int64_t kRowUnit = 16;  // bytes of an int8 row come in these
constexpr uint8_t kInt4Zero = 8;

int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

void check_matrix(const Tensor& matrix) {
  require(matrix.rank() == 2 && matrix.is_contiguous(), Code::kInternal,
          "quantize: expected a contiguous matrix; got shape ", matrix.shape(), ".");
}

// The rows [begin, end) as contiguous f32: a view where they are that already.
Tensor wide_rows(const Tensor& matrix, int64_t begin, int64_t end) {
  const Tensor rows = matrix.slice(0, begin, end);
  return matrix.dtype() == DType::kF32 ? rows : rows.to_f32(cpu_heap());
}

// Calls body(row, values) for every row, on all threads.
template <typename Body>
void for_rows(const Tensor& matrix, ThreadPool& threads, const Body& body) {
  const int64_t grain = 1 + (int64_t{1} << 16) / (matrix.dim(1) + 1);
  threads.parallel_for(matrix.dim(0), grain, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row)
      body(row, wide_rows(matrix, row, row + 1).data<float>());
  });
}

float largest(const float* x, int64_t n) {
  float most = 0.0f;
  for (int64_t i = 0; i < n; ++i) most = std::max(most, std::fabs(x[i]));
  return most;
}

// A weight of the matrix's shape, its bytes unset.
Weight empty_weight(Weight::Format format, const Tensor& matrix, int64_t group = 0) {
  const QuantisedShape shape = quantised_shape(format, matrix.shape(), group);
  Weight weight;
  weight.format = shape.format;
  weight.columns = matrix.dim(1);
  weight.group = shape.group;
  weight.data = Tensor::empty(cpu_heap(), shape.data, shape.dtype);
  weight.scales = Tensor::empty(cpu_heap(), shape.scales);
  return weight;
}

// One row of codes, padded to whole chunks, in the order of Weight.
void pack_nibbles(const std::vector<uint8_t>& codes, uint8_t* out) {
  constexpr int64_t kHalf = kChunk / 2;
  for (size_t chunk = 0; chunk * kChunk < codes.size(); ++chunk) {
    const uint8_t* from = codes.data() + chunk * kChunk;
    for (int64_t j = 0; j < kHalf; ++j)
      out[chunk * kHalf + j] = static_cast<uint8_t>(from[j] | from[kHalf + j] << 4);
  }
}

// Codes of one group and its scale.
float encode_int4(const float* x, int64_t n, uint8_t* codes) {
  float top = 0.0f;
  for (int64_t i = 0; i < n; ++i)
    if (std::fabs(x[i]) > std::fabs(top)) top = x[i];
  if (top == 0.0f) {
    std::fill_n(codes, n, kInt4Zero);
    return 0.0f;
  }
  const float inverse = -8.0f / top;
  double product = 0.0, square = 0.0;
  for (int64_t i = 0; i < n; ++i) {
    const float level = std::clamp(std::nearbyint(x[i] * inverse), -8.0f, 7.0f);
    codes[i] = static_cast<uint8_t>(static_cast<int>(level) + kInt4Zero);
    product += double{x[i]} * level;
    square += double{level} * level;
  }
  return static_cast<float>(product / square);
}

// Thresholds are strict; the order of the codes is that of the values' bit patterns in FP4.
uint8_t fp4_code(float x) {
  const uint8_t sign = x < 0.0f ? 8 : 0;
  const float z = std::fabs(x);
  if (z > 0.29166667f) {
    if (z > 0.583333f) return sign | (z > 0.8333333f ? 3 : 2);
    return sign | (z > 0.4166667f ? 5 : 4);
  }
  if (z > 0.0859375f) return sign | (z > 0.20833333f ? 7 : 6);
  return sign | (z > 0.00260417f ? 1 : 0);
}

void encode_fp4_block(const float* x, int64_t n, uint8_t* codes, float& absmax) {
  absmax = largest(x, n);
  const float inverse = 1.0f / absmax;
  for (int64_t i = 0; i < n; ++i) codes[i] = absmax == 0.0f ? 0 : fp4_code(x[i] * inverse);
}

// A width whose rows are no whole number of half blocks.
Weight round_to_fp4(const Tensor& matrix, ThreadPool& threads) {
  Tensor values =
      matrix.dtype() == DType::kF32 ? matrix.clone(cpu_heap()) : matrix.to_f32(cpu_heap());
  const int64_t count = values.numel();
  float* x = values.data<float>();
  threads.parallel_for(ceil_div(count, kFp4Block), 256, [&](int64_t begin, int64_t end) {
    uint8_t codes[kFp4Block];
    float absmax;
    for (int64_t i = begin * kFp4Block; i < std::min(count, end * kFp4Block); i += kFp4Block) {
      const int64_t n = std::min(kFp4Block, count - i);
      encode_fp4_block(x + i, n, codes, absmax);
      for (int64_t j = 0; j < n; ++j) x[i + j] = kFp4Values[codes[j]] * absmax;
    }
  });
  return values;
}

// Rows that begin where a block begins.
void encode_fp4_rows(const Tensor& matrix, int64_t begin, int64_t end, Weight& weight) {
  const int64_t columns = weight.columns, groups = weight.scales.dim(1);
  const Tensor values = wide_rows(matrix, begin, end);
  const Fp4Codes encoded = encode_fp4({values.data<float>(), static_cast<size_t>(values.numel())});
  for (int64_t row = begin; row < end; ++row) {
    const int64_t first = (row - begin) * columns;
    const uint8_t* codes = encoded.codes.data() + first;
    pack_nibbles({codes, codes + columns}, weight.data.data<uint8_t>() + row * weight.data.dim(1));
    float* scales = weight.scales.data<float>() + row * groups;
    for (int64_t g = 0; g < groups; ++g)
      scales[g] = encoded.absmax[size_t((first + g * weight.group) / kFp4Block)];
  }
}

}  // namespace

QuantisedShape quantised_shape(Weight::Format format, const Shape& matrix, int64_t group) {
  const int64_t rows = matrix[0], columns = matrix.numel() / std::max<int64_t>(1, rows);
  const Shape nibbles{rows, ceil_div(columns, kChunk) * kChunk / 2};
  switch (format) {
    case Weight::Format::kInt8:
      return {format, DType::kI8, {rows, ceil_div(columns, kRowUnit) * kRowUnit}, {rows, 1}, 0};
    case Weight::Format::kInt4:
      return {format, DType::kU8, nibbles, {rows, ceil_div(columns, group)}, group};
    case Weight::Format::kFp4:
      if (columns % kChunk != 0) break;
      group = columns % kFp4Block == 0 ? kFp4Block : kChunk;
      return {format, DType::kU8, nibbles, {rows, columns / group}, group};
    case Weight::Format::kPlain:
      break;
  }
  return {Weight::Format::kPlain, DType::kF32, {rows, columns}, {}, 0};
}

size_t QuantisedShape::bytes() const {
  const auto count = [](const Shape& shape) { return static_cast<size_t>(shape.numel()); };
  return count(data) * dtype_size(dtype) + (scales.rank() == 0 ? 0 : count(scales) * sizeof(float));
}

Weight quantize_int8(const Tensor& matrix, ThreadPool& threads) {
  check_matrix(matrix);
  Weight weight = empty_weight(Weight::Format::kInt8, matrix);
  const int64_t row_bytes = weight.data.dim(1);
  for_rows(matrix, threads, [&](int64_t row, const float* x) {
    const float top = largest(x, weight.columns);
    const float inverse = top == 0.0f ? 0.0f : 127.0f / top;
    int8_t* codes = weight.data.data<int8_t>() + row * row_bytes;
    std::fill(codes + weight.columns, codes + row_bytes, int8_t{0});
    for (int64_t i = 0; i < weight.columns; ++i)
      codes[i] = static_cast<int8_t>(std::clamp(std::nearbyint(x[i] * inverse), -127.0f, 127.0f));
    weight.scales.data<float>()[row] = top / 127.0f;
  });
  return weight;
}

Weight quantize_int4(const Tensor& matrix, int64_t group, ThreadPool& threads) {
  check_matrix(matrix);
  require(group == 64 || group == 128, Code::kInvalidArgument,
          "The groups of int4 must have 64 or 128 elements; got ", group, ".");
  Weight weight = empty_weight(Weight::Format::kInt4, matrix, group);
  const int64_t columns = weight.columns, groups = weight.scales.dim(1);
  for_rows(matrix, threads, [&](int64_t row, const float* x) {
    std::vector<uint8_t> codes(size_t(ceil_div(columns, kChunk) * kChunk), kInt4Zero);
    float* scales = weight.scales.data<float>() + row * groups;
    for (int64_t g = 0; g < groups; ++g) {
      const int64_t begin = g * group;
      scales[g] = encode_int4(x + begin, std::min(group, columns - begin), codes.data() + begin);
    }
    pack_nibbles(codes, weight.data.data<uint8_t>() + row * weight.data.dim(1));
  });
  return weight;
}

Fp4Codes encode_fp4(std::span<const float> values) {
  const auto count = static_cast<int64_t>(values.size());
  Fp4Codes result;
  result.codes.resize(values.size());
  result.absmax.resize(size_t(ceil_div(count, kFp4Block)));
  for (size_t block = 0; block < result.absmax.size(); ++block) {
    const int64_t begin = static_cast<int64_t>(block) * kFp4Block;
    encode_fp4_block(values.data() + begin, std::min(kFp4Block, count - begin),
                     result.codes.data() + begin, result.absmax[block]);
  }
  return result;
}

Weight quantize_fp4(const Tensor& matrix, ThreadPool& threads) {
  check_matrix(matrix);
  const int64_t rows = matrix.dim(0), columns = matrix.dim(1);
  if (columns % kChunk != 0) return round_to_fp4(matrix, threads);
  Weight weight = empty_weight(Weight::Format::kFp4, matrix);
  const bool aligned = weight.group == kFp4Block;
  // Two rows hold a whole number of blocks whatever the width.
  const int64_t step = aligned ? 1 : 2;
  const int64_t grain = 1 + (int64_t{1} << 16) / columns;
  threads.parallel_for(ceil_div(rows, step), grain, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin * step; row < std::min(rows, end * step); row += step)
      encode_fp4_rows(matrix, row, std::min(rows, row + step), weight);
  });
  return weight;
}

Tensor dequantize(const Weight& weight, Allocator& allocator) {
  if (weight.format == Weight::Format::kPlain) return weight.data.to_f32(allocator);
  const int64_t rows = weight.out_features(), columns = weight.columns;
  Tensor w = Tensor::empty(allocator, {rows, columns});
  const auto& values = weight.format == Weight::Format::kInt4 ? kInt4Values : kFp4Values;
  for (int64_t row = 0; row < rows; ++row) {
    const Tensor packed = weight.data[row];
    const float* scales = weight.scales.data<float>() + row * weight.scales.dim(1);
    float* out = w.data<float>() + row * columns;
    if (weight.format == Weight::Format::kInt8) {
      for (int64_t i = 0; i < columns; ++i)
        out[i] = static_cast<float>(packed.data<int8_t>()[i]) * scales[0];
      continue;
    }
    for (int64_t i = 0; i < columns; ++i) {
      const uint8_t byte = packed.data<uint8_t>()[i / 32 * 16 + i % 16];
      out[i] = values[i % 32 < 16 ? byte & 15 : byte >> 4] * scales[i / weight.group];
    }
  }
  return w;
}

}  // namespace vmolmo
