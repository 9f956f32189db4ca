#include "native/ops/elementwise.h"

#include <algorithm>
#include <cstring>

#include "native/kernels/cpu/loops.h"
#include "native/kernels/cuda/elementwise.h"
#include "native/ops/checks.h"
#include "native/ops/on_cuda.h"

namespace vmolmo::ops {
namespace {

constexpr int64_t kGrain = 16384;

// Calls body(a index, b index, length) over runs in which both operands are dense; b is repeated
// every `period` elements.
template <typename Body>
void for_repeated(Context& context, int64_t count, int64_t period, const Body& body) {
  context.threads().parallel_for(count, kGrain, [&](int64_t begin, int64_t end) {
    while (begin < end) {
      const int64_t phase = begin % period;
      const int64_t length = std::min(end - begin, period - phase);
      body(begin, phase, length);
      begin += length;
    }
  });
}

// b as dense F32, its shape checked to be a trailing part of a's.
Tensor repeated_operand(Context& context, const Tensor& a, const Tensor& b, const char* op) {
  require_f32(a, op);
  bool fits = b.rank() <= a.rank();
  for (int axis = 1; fits && axis <= b.rank(); ++axis) fits = a.dim(-axis) == b.dim(-axis);
  require(fits, Code::kInternal, op, ": the shape ", b.shape(), " is no trailing part of ",
          a.shape(), ".");
  return parameter_f32(context, b, op);
}

void add_into(Context& context, const Tensor& left, const Tensor& b, float scale,
              const Tensor& result) {
  const int64_t count = result.numel();
  if (count == 0) return;
  ON_CUDA(context) {
    return cuda::add(stream(context), on_device<float>(left), on_device<float>(b), scale,
                     on_device<float>(result), count, b.numel());
  }
  const float* a = left.data<float>();
  float* out = result.data<float>();
  const float* add = b.data<float>();
  for_repeated(context, count, b.numel(), [&](int64_t at, int64_t phase, int64_t length) {
    cpu::loops().add(a + at, add + phase, scale, out + at, length);
  });
}

}  // namespace

Tensor add(Context& context, const Tensor& a, const Tensor& b, float scale) {
  const Tensor right = repeated_operand(context, a, b, "add");
  const Tensor left = dense_f32(context, a, "add");
  Tensor out = context.empty(a.shape());
  add_into(context, left, right, scale, out);
  return out;
}

void add_inplace(Context& context, Tensor& a, const Tensor& b, float scale) {
  const Tensor right = repeated_operand(context, a, b, "add_inplace");
  require(a.is_contiguous(), Code::kInternal, "add_inplace: the target must be contiguous.");
  add_into(context, a, right, scale, a);
}

Tensor multiply(Context& context, const Tensor& a, const Tensor& b) {
  const Tensor right = repeated_operand(context, a, b, "multiply");
  const Tensor left = dense_f32(context, a, "multiply");
  Tensor result = context.empty(a.shape());
  if (result.numel() == 0) return result;
  ON_CUDA(context) {
    cuda::multiply(stream(context), on_device<float>(left), on_device<float>(right),
                   on_device<float>(result), result.numel(), right.numel());
    return result;
  }
  const float* x = left.data<float>();
  const float* y = right.data<float>();
  float* out = result.data<float>();
  for_repeated(context, result.numel(), right.numel(),
               [&](int64_t at, int64_t phase, int64_t length) {
                 cpu::loops().multiply(x + at, y + phase, out + at, length);
               });
  return result;
}

Tensor affine(Context& context, const Tensor& a, float scale, float shift) {
  const Tensor input = dense_f32(context, a, "affine");
  Tensor result = context.empty(a.shape());
  ON_CUDA(context) {
    cuda::affine(stream(context), on_device<float>(input), scale, shift, on_device<float>(result),
                 result.numel());
    return result;
  }
  const float* x = input.data<float>();
  float* out = result.data<float>();
  context.threads().parallel_for(result.numel(), kGrain, [&](int64_t begin, int64_t end) {
    cpu::loops().affine(x + begin, scale, shift, out + begin, end - begin);
  });
  return result;
}

Tensor concat(Context& context, std::span<const Tensor> tensors, int axis) {
  require(!tensors.empty(), Code::kInternal, "concat: no tensors.");
  Shape shape = tensors[0].shape();
  if (axis < 0) axis += shape.rank();
  require(axis >= 0 && axis < shape.rank(), Code::kInternal, "concat: axis ", axis, " of ", shape,
          ".");
  shape[axis] = 0;
  for (const Tensor& x : tensors) {
    bool fits = x.dtype() == tensors[0].dtype() && x.rank() == shape.rank();
    for (int i = 0; fits && i < shape.rank(); ++i) fits = i == axis || x.dim(i) == shape[i];
    require(fits, Code::kInternal, "concat: ", x.dtype(), " ", x.shape(), " does not join ",
            tensors[0].dtype(), " ", tensors[0].shape(), " along axis ", axis, ".");
    shape[axis] += x.dim(axis);
  }
  Tensor out = context.empty(shape, tensors[0].dtype());
  int64_t outer = 1;
  for (int i = 0; i < axis; ++i) outer *= shape[i];
  if (outer == 0 || out.numel() == 0) return out;
  ON_CUDA(context) {
    int64_t begin = 0;
    for (const Tensor& x : tensors) {
      const int64_t end = begin + x.dim(axis);
      if (end > begin) copy_into(context, x, out.slice(axis, begin, end));
      begin = end;
    }
    return out;
  }
  const size_t row = out.bytes() / static_cast<size_t>(outer);
  size_t offset = 0;
  for (const Tensor& x : tensors) {
    const Tensor source = x.is_contiguous() ? x : dense_copy(context, x);
    const size_t run = source.bytes() / static_cast<size_t>(outer);
    const int64_t grain = 1 + (int64_t{1} << 17) / int64_t(run + 1);
    context.threads().parallel_for(outer, grain, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        std::memcpy(out.raw() + size_t(i) * row + offset, source.raw() + size_t(i) * run, run);
      }
    });
    offset += run;
  }
  return out;
}

Tensor permute(Context& context, const Tensor& x, std::initializer_list<int> axes) {
  require(static_cast<int>(axes.size()) == x.rank(), Code::kInternal, "permute: shape ", x.shape(),
          " needs ", x.rank(), " axes; got ", axes.size(), ".");
  // Sorting the axes by transpositions gives a view in the wanted order.
  Tensor view = x;
  std::array<int, Shape::kMaxRank> held{};
  for (int i = 0; i < x.rank(); ++i) held[i] = i;
  int position = 0;
  for (int wanted : axes) {
    int at = position;
    while (at < x.rank() && held[at] != wanted) ++at;
    require(at < x.rank(), Code::kInternal, "permute: axis ", wanted, " is missing or repeated.");
    view = view.transpose(position, at);
    std::swap(held[position], held[at]);
    ++position;
  }
  return dense_copy(context, view);
}

Tensor mean(Context& context, const Tensor& x, int axis) {
  const Tensor input = dense_f32(context, x, "mean");
  if (axis < 0) axis += x.rank();
  require(axis >= 0 && axis < x.rank() && x.dim(axis) > 0, Code::kInternal, "mean: axis ", axis,
          " of ", x.shape(), ".");
  Shape shape;
  int64_t outer = 1, inner = 1;
  for (int i = 0; i < x.rank(); ++i) {
    if (i < axis) outer *= x.dim(i);
    if (i > axis) inner *= x.dim(i);
    if (i != axis) shape.push_back(x.dim(i));
  }
  const int64_t count = x.dim(axis);
  ON_CUDA(context) {
    Tensor result = context.empty(shape);
    cuda::mean_axis(stream(context), on_device<float>(input), on_device<float>(result), outer,
                    count, inner);
    return result;
  }
  Tensor out = context.zeros(shape);
  float* y = out.data<float>();
  const float* in = input.data<float>();
  const float scale = 1.0f / static_cast<float>(count);
  for (int64_t o = 0; o < outer; ++o) {
    for (int64_t c = 0; c < count; ++c) {
      cpu::loops().add(y + o * inner, in + (o * count + c) * inner, 1.0f, y + o * inner, inner);
    }
    cpu::loops().scale(y + o * inner, scale, y + o * inner, inner);
  }
  return out;
}

void lerp_inplace(Context& context, Tensor& mean, const Tensor& x, float weight) {
  require_f32(mean, "lerp_inplace");
  const Tensor input = dense_f32(context, x, "lerp_inplace");
  require(mean.shape() == x.shape() && mean.is_contiguous(), Code::kInternal,
          "lerp_inplace: expected two equal shapes; got ", mean.shape(), " and ", x.shape(), ".");
  ON_CUDA(context) {
    return cuda::lerp(stream(context), on_device<float>(mean), on_device<float>(input), weight,
                      mean.numel());
  }
  float* m = mean.data<float>();
  const float* in = input.data<float>();
  context.threads().parallel_for(mean.numel(), kGrain, [&](int64_t begin, int64_t end) {
    cpu::loops().lerp(m + begin, in + begin, weight, m + begin, end - begin);
  });
}

void round_to_bf16_inplace(Context& context, Tensor& x) {
  require_f32(x, "round_to_bf16_inplace");
  require(x.is_contiguous(), Code::kInternal,
          "round_to_bf16_inplace: the tensor must be contiguous.");
  ON_CUDA(context) return cuda::round_values(stream(context), on_device<float>(x), x.numel());
  float* values = x.data<float>();
  context.threads().parallel_for(x.numel(), kGrain, [&](int64_t begin, int64_t end) {
    cpu::loops().round_to_bf16(values + begin, values + begin, end - begin);
  });
}

void fill_inplace(Context& context, Tensor& x, float value) {
  require_f32(x, "fill_inplace");
  require(x.is_contiguous(), Code::kInternal, "fill_inplace: the tensor must be contiguous.");
  ON_CUDA(context) return cuda::fill(stream(context), on_device<float>(x), value, x.numel());
  std::fill_n(x.data<float>(), x.numel(), value);
}

Tensor clamp(Context& context, const Tensor& x, float low, float high) {
  const Tensor input = dense_f32(context, x, "clamp");
  Tensor result = context.empty(x.shape());
  ON_CUDA(context) {
    cuda::clamp(stream(context), on_device<float>(input), low, high, on_device<float>(result),
                x.numel());
    return result;
  }
  const float* in = input.data<float>();
  float* out = result.data<float>();
  context.threads().parallel_for(x.numel(), kGrain, [&](int64_t begin, int64_t end) {
    cpu::loops().clamp(in + begin, low, high, out + begin, end - begin);
  });
  return result;
}

Tensor step(Context& context, const Tensor& x, float threshold, bool inclusive) {
  const Tensor input = dense_f32(context, x, "step");
  Tensor result = context.empty(x.shape());
  ON_CUDA(context) {
    cuda::step(stream(context), on_device<float>(input), threshold, inclusive,
               on_device<float>(result), x.numel());
    return result;
  }
  const float* in = input.data<float>();
  float* out = result.data<float>();
  context.threads().parallel_for(x.numel(), kGrain, [&](int64_t begin, int64_t end) {
    cpu::loops().step(in + begin, threshold, inclusive, out + begin, end - begin);
  });
  return result;
}

}  // namespace vmolmo::ops
