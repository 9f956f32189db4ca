#include <algorithm>

#include "bench/cuda/kernels/cases.h"
#include "native/kernels/cuda/gemv.h"
#include "native/weights/quantize.h"

namespace vmolmo::cuda_bench {
namespace {

using Format = Weight::Format;

struct Shape {
  const char* name;
  int64_t m, n, k;
  bool swiglu;
};

constexpr Shape kShapes[] = {
    {"qkv", 1, 4608, 3584, false},
    {"attention out", 1, 3584, 3584, false},
    {"mlp in and SwiGLU", 1, 18944, 3584, true},
    {"mlp out", 1, 3584, 18944, false},
    {"vocabulary", 1, 152064, 3584, false},
    {"mlp in and SwiGLU, 8 sequences", 8, 18944, 3584, true},
};

struct Operands {
  std::vector<float> x;
  Weight weight;                      // set 0, on the host
  std::vector<Shared<uint8_t>> data;  // per set
  std::vector<Shared<float>> scales;
  Shared<float> device_x, y;
};

// Random rows in the format. A large matrix repeats a smaller one, as quantising takes time on the
// host and the kernel does not care.
Weight make_weight(Numbers& numbers, Format format, int64_t rows, int64_t k) {
  ThreadPool threads(0);
  const auto values = numbers.floats(static_cast<size_t>(rows * k));
  const Tensor plain = Tensor::from(values, {rows, k});
  if (format == Format::kInt8) return quantize_int8(plain, threads);
  if (format == Format::kInt4) return quantize_int4(plain, 128, threads);
  if (format == Format::kFp4) return quantize_fp4(plain, threads);
  Tensor narrow = Tensor::empty(cpu_heap(), plain.shape(), DType::kBF16);
  for (int64_t i = 0; i < plain.numel(); ++i)
    narrow.data<BFloat16>()[i] = BFloat16(values[static_cast<size_t>(i)]);
  return narrow;
}

template <typename T>
Shared<T> repeated(const Tensor& rows, int64_t wanted_rows) {
  const size_t row = rows.bytes() / static_cast<size_t>(rows.dim(0)) / sizeof(T);
  auto array = reserve<T>(row * static_cast<size_t>(wanted_rows));
  for (int64_t at = 0; at < wanted_rows; at += rows.dim(0)) {
    const auto count = static_cast<size_t>(std::min(rows.dim(0), wanted_rows - at)) * row;
    cuda::check(cudaMemcpy(array->get() + static_cast<size_t>(at) * row, rows.raw(),
                           count * sizeof(T), cudaMemcpyHostToDevice),
                "copy to the device");
  }
  return array;
}

cuda::Gemv problem(const Operands& o, const Shape& s, int set) {
  cuda::Gemv p;
  const auto at = static_cast<size_t>(set);
  p.x = o.device_x->get(), p.w = o.data[at]->get(), p.y = o.y->get();
  p.scales = o.scales.empty() ? nullptr : o.scales[at]->get();
  p.m = s.m, p.n = p.ldy = p.ldr = s.n, p.k = p.ldx = s.k;
  p.row_bytes = static_cast<int64_t>(o.weight.data.bytes()) / o.weight.data.dim(0);
  p.group = o.weight.group, p.format = o.weight.format, p.swiglu = s.swiglu;
  return p;
}

double sampled_error(const Operands& o, const Shape& s, Numbers& numbers) {
  const std::vector<float> y = o.y->read();
  const Tensor w = dequantize(o.weight, cpu_heap());
  const auto dot = [&](size_t row, int64_t column) {
    const float* weights = w.data<float>() + column % w.dim(0) * s.k;
    double sum = 0.0;
    for (int64_t i = 0; i < s.k; ++i)
      sum += static_cast<double>(o.x[row * static_cast<size_t>(s.k) + static_cast<size_t>(i)]) *
             weights[i];
    return sum;
  };
  std::vector<double> actual, expected;
  for (size_t row = 0; row < static_cast<size_t>(s.m); ++row) {
    for (const size_t column : samples(numbers, static_cast<size_t>(s.n), 40)) {
      double value = dot(row, static_cast<int64_t>(column));
      if (s.swiglu) {
        const double gate = dot(row, s.n + static_cast<int64_t>(column));
        value *= gate / (1.0 + std::exp(-gate));
      }
      actual.push_back(y[row * static_cast<size_t>(s.n) + column]);
      expected.push_back(value);
    }
  }
  return relative_l2(actual, expected);
}

Case make(Shape s, Format format, const Sizes& sizes) {
  if (sizes.tiny) s = {s.name, s.m, s.n % 23 + 5, 128, s.swiglu};
  auto numbers = std::make_shared<Numbers>(sizes.seed);
  auto o = std::make_shared<Operands>();
  const int64_t rows = s.swiglu ? 2 * s.n : s.n;
  o->x = numbers->floats(static_cast<size_t>(s.m * s.k), 0.1f);
  o->device_x = upload(o->x);
  o->y = reserve<float>(static_cast<size_t>(s.m * s.n));
  o->weight = make_weight(*numbers, format, std::min<int64_t>(rows, 997), s.k);
  const double scale_bytes =
      o->weight.scales ? 4.0 * static_cast<double>(o->weight.scales.numel()) : 0;
  const double row_bytes = (static_cast<double>(o->weight.data.bytes()) + scale_bytes) /
                           static_cast<double>(o->weight.data.dim(0));
  Case c;
  c.bytes = row_bytes * static_cast<double>(rows) + 4.0 * static_cast<double>(s.m * (s.k + s.n));
  c.tolerance = 1e-4;
  c.sets = sizes.sets(c.bytes);
  for (int set = 0; set < c.sets; ++set) {
    o->data.push_back(repeated<uint8_t>(o->weight.data, rows));
    if (o->weight.scales) o->scales.push_back(repeated<float>(o->weight.scales, rows));
  }
  c.run = [=](cudaStream_t stream, int set) { cuda::gemv(stream, problem(*o, s, set)); };
  c.error = [=] {
    require(cuda::gemv_supports(problem(*o, s, 0)), Code::kInternal, "gemv refuses the problem.");
    o->y->poison();
    c.run(nullptr, 0);
    return sampled_error(*o, s, *numbers);
  };
  return c;
}

}  // namespace

std::vector<Entry> gemv_cases() {
  std::vector<Entry> entries;
  for (const Format format : {Format::kPlain, Format::kInt8, Format::kInt4, Format::kFp4}) {
    const char* label = format == Format::kPlain ? "bf16" : format_name(format);
    for (const Shape& shape : kShapes)
      entries.push_back({concat("gemv ", label, ": ", shape.name),
                         [=](const Sizes& sizes) { return make(shape, format, sizes); }});
  }
  return entries;
}

}  // namespace vmolmo::cuda_bench
