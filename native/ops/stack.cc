#include "native/ops/stack.h"

#include <algorithm>
#include <cstring>

#include "native/kernels/cpu/loops.h"
#include "native/kernels/cuda/stack.h"
#include "native/ops/checks.h"
#include "native/ops/elementwise.h"
#include "native/ops/on_cuda.h"

namespace vmolmo::ops {
namespace {

constexpr int64_t kGrain = 16384;

// The tensor's bytes for a kernel.
const void* device_bytes(const Tensor& x) {
  require(x.device().kind == Device::Kind::kCuda, Code::kInternal,
          "An op on a GPU got a tensor of shape ", x.shape(), " in the CPU's memory.");
  return x.raw();
}

void check_block(const TokenBlock& block, const Tensor& values) {
  const Tensor& own = block.values;
  const int64_t width = values.dim(1), count = own.numel();
  const bool typed = own.dtype() == DType::kF32 || own.dtype() == DType::kBF16;
  require(typed && own.is_contiguous() && count % width == 0 && block.row >= 0 &&
              block.row + count / width <= values.dim(0),
          Code::kInternal, "place_tokens: ", own.dtype(), " ", own.shape(), " at row ", block.row,
          " does not fit ", values.shape(), ".");
  if (!block.positions) return;
  require_f32(block.positions, "place_tokens");
  require(block.positions.is_contiguous() && block.positions.numel() > 0 &&
              count % block.positions.numel() == 0,
          Code::kInternal, "place_tokens: positions ", block.positions.shape(), " do not fit ",
          own.shape(), ".");
}

cuda::PlacedBlock device_block(const TokenBlock& block, int64_t width) {
  cuda::PlacedBlock out;
  out.values = device_bytes(block.values);
  out.positions = on_device_or_null(block.positions);
  out.offset = block.row * width;
  out.count = block.values.numel();
  out.period = block.positions ? block.positions.numel() : 1;
  out.narrow = block.values.dtype() == DType::kBF16;
  return out;
}

void place_block(Context& context, const TokenBlock& block, float* values, float* placed) {
  const bool narrow = block.values.dtype() == DType::kBF16;
  const float* positions = data_or_null(block.positions);
  const int64_t period = block.positions ? block.positions.numel() : block.values.numel();
  const cpu::Loops& loops = cpu::loops();
  context.threads().parallel_for(block.values.numel(), kGrain, [&](int64_t begin, int64_t end) {
    if (narrow) {
      loops.widen(&block.values.data<BFloat16>()[begin].bits, values + begin, end - begin);
    } else {
      std::copy_n(block.values.data<float>() + begin, end - begin, values + begin);
    }
    if (!positions) return loops.affine(values + begin, 1.0f, 0.0f, placed + begin, end - begin);
    for (int64_t at = begin; at < end;) {
      const int64_t phase = at % period, length = std::min(end - at, period - phase);
      loops.add(values + at, positions + phase, 1.0f, placed + at, length);
      at += length;
    }
  });
}

}  // namespace

void stack_into(Context& context, std::span<const Tensor> parts, const Tensor& target) {
  const auto count = static_cast<int64_t>(parts.size());
  require(target.is_contiguous() && target.dim(0) == count, Code::kInternal, "stack_into: ", count,
          " parts do not fill ", target.shape(), ".");
  if (target.numel() == 0) return;
  const size_t bytes = target.bytes() / parts.size();
  for (const Tensor& part : parts) {
    require(part.dtype() == target.dtype() && part.bytes() == bytes && part.is_contiguous(),
            Code::kInternal, "stack_into: ", part.dtype(), " ", part.shape(), " is no entry of ",
            target.dtype(), " ", target.shape(), ".");
  }
  ON_CUDA(context) {
    std::vector<const void*> sources;
    for (const Tensor& part : parts) sources.push_back(device_bytes(part));
    return cuda::stack(stream(context), sources, bytes, target.raw());
  }
  for (size_t i = 0; i < parts.size(); ++i)
    std::memcpy(target.raw() + i * bytes, parts[i].raw(), bytes);
}

Tensor stacked(Context& context, std::span<const Tensor> parts) {
  require(!parts.empty(), Code::kInternal, "stacked: no tensors.");
  Shape shape{static_cast<int64_t>(parts.size())};
  for (const int64_t dim : parts[0].shape().dims()) shape.push_back(dim);
  Tensor out = context.empty(shape, parts[0].dtype());
  stack_into(context, parts, out);
  return out;
}

Tensor joined(Context& context, std::span<const Tensor> parts) {
  return parts.size() == 1 ? parts[0] : concat(context, parts, 0);
}

void place_tokens(Context& context, std::span<const TokenBlock> blocks, const Tensor& values,
                  const Tensor& placed) {
  require_f32(values, "place_tokens");
  require_f32(placed, "place_tokens");
  require(values.rank() == 2 && values.shape() == placed.shape() && values.is_contiguous() &&
              placed.is_contiguous(),
          Code::kInternal, "place_tokens: sequences ", values.shape(), " and ", placed.shape(),
          " do not match.");
  for (const TokenBlock& block : blocks) check_block(block, values);
  const int64_t width = values.dim(1);
  ON_CUDA(context) {
    std::vector<cuda::PlacedBlock> views;
    for (const TokenBlock& block : blocks) views.push_back(device_block(block, width));
    return cuda::place_blocks(stream(context), views, on_device<float>(values),
                              on_device<float>(placed));
  }
  for (const TokenBlock& block : blocks) {
    place_block(context, block, values.data<float>() + block.row * width,
                placed.data<float>() + block.row * width);
  }
}

}  // namespace vmolmo::ops
