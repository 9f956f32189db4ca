#include "native/ops/mask.h"

#include <algorithm>

#include "native/kernels/cpu/components.h"
#include "native/kernels/cpu/distance.h"
#include "native/kernels/cpu/loops.h"
#include "native/kernels/cuda/components.h"
#include "native/kernels/cuda/elementwise.h"
#include "native/kernels/cuda/mask.h"
#include "native/kernels/cuda/mask_fusion.h"
#include "native/kernels/cuda/mask_render.h"
#include "native/ops/checks.h"
#include "native/ops/on_cuda.h"
#include "native/ops/resize.h"

namespace vmolmo::ops {
namespace {

// Foreground is the mask or, without one, target <= limit.
void replace_small_on_device(Context& context, const Tensor& target, const Tensor& mask,
                             float limit, int64_t max_area, float value) {
  const Tensor parents = context.empty({target.numel()}, DType::kI32);
  const Tensor areas = context.empty({target.numel()}, DType::kI32);
  cuda::SmallComponents call;
  call.target = on_device<float>(target);
  call.mask = mask ? on_device<uint8_t>(mask) : nullptr;
  call.limit = limit;
  call.h = target.dim(-2), call.w = target.dim(-1);
  call.masks = target.numel() / (call.h * call.w);
  call.max_area = max_area;
  call.value = value;
  call.parents = on_device<int32_t>(parents);
  call.areas = on_device<int32_t>(areas);
  require(call.h * call.w <= INT32_MAX, Code::kInternal, "replace_small_inplace: masks of ", call.w,
          " x ", call.h, " have too many pixels.");
  cuda::replace_small(stream(context), call);
}

}  // namespace

Tensor threshold(Context& context, const Tensor& logits, float threshold) {
  const Tensor input = dense_f32(context, logits, "threshold");
  Tensor mask = context.empty(logits.shape(), DType::kU8);
  ON_CUDA(context) {
    cuda::threshold(stream(context), on_device<float>(input), threshold, on_device<uint8_t>(mask),
                    mask.numel());
    return mask;
  }
  const float* in = input.data<float>();
  uint8_t* out = mask.data<uint8_t>();
  context.threads().parallel_for(mask.numel(), 65536, [&](int64_t begin, int64_t end) {
    cpu::loops().above(in + begin, threshold, out + begin, end - begin);
  });
  return mask;
}

Components connected_components(Context& context, const Tensor& mask, int connectivity) {
  require(connectivity == 4 || connectivity == 8, Code::kInvalidArgument,
          "Connectivity must be 4 or 8; got ", connectivity, ".");
  // Numbers in scan order are the CPU's work on every device; nothing inside a frame asks for them.
  const Tensor input = dense_mask(context, context.to_host(mask), "connected_components");
  Tensor labels = Tensor::empty(cpu_heap(), mask.shape(), DType::kI32);
  Components result;
  result.areas = cpu::connected_components(input.data<uint8_t>(), labels.data<int32_t>(),
                                           mask.dim(0), mask.dim(1), connectivity);
  result.labels = context.to_device(labels);
  return result;
}

void replace_small_inplace(Context& context, Tensor& target, const Tensor& mask, int64_t max_area,
                           float value) {
  require_f32(target, "replace_small_inplace");
  require(target.is_contiguous() && target.shape() == mask.shape() &&
              (target.rank() == 2 || target.rank() == 3),
          Code::kInternal,
          "replace_small_inplace: expected contiguous [H, W] or [B, H, W] and its "
          "mask; got ",
          target.shape(), " and ", mask.shape(), ".");
  const int64_t h = target.dim(-2), w = target.dim(-1), count = target.numel();
  const Tensor input = dense_mask(context, mask.reshape({-1, w}), "replace_small_inplace");
  if (count == 0) return;
  ON_CUDA(context) return replace_small_on_device(context, target, input, 0.0f, max_area, value);
  for (int64_t row = 0; row < count / w; row += h) {
    const Components components = connected_components(context, input.slice(0, row, row + h), 8);
    cpu::replace_small(components.labels.data<int32_t>(), components.areas, max_area, value,
                       target.data<float>() + row * w, h * w);
  }
}

void fill_holes_inplace(Context& context, Tensor& logits, int64_t max_area, float threshold,
                        float value) {
  require_f32(logits, "fill_holes_inplace");
  require(logits.is_contiguous(), Code::kInternal,
          "fill_holes_inplace: logits must be contiguous.");
  if (logits.numel() == 0) return;
  ON_CUDA(context) return replace_small_on_device(context, logits, {}, threshold, max_area, value);
  Tensor holes = context.empty(logits.shape(), DType::kU8);
  cpu::loops().at_most(logits.data<float>(), threshold, holes.data<uint8_t>(), logits.numel());
  replace_small_inplace(context, logits, holes, max_area, value);
}

int64_t count_above(Context& context, const Tensor& x, float threshold) {
  const Tensor input = dense_f32(context, x, "count_above");
  ON_CUDA(context) {
    const Tensor counter = context.zeros({1}, DType::kI64);
    cuda::count_above(stream(context), on_device<float>(input), threshold, x.numel(),
                      reinterpret_cast<unsigned long long*>(on_device<int64_t>(counter)));
    return context.to_host(counter).data<int64_t>()[0];
  }
  return cpu::loops().count_above(input.data<float>(), threshold, x.numel());
}

Tensor mask_to_f32(Context& context, const Tensor& mask) {
  const Tensor input = dense_mask(context, mask, "mask_to_f32");
  Tensor values = context.empty(mask.shape());
  ON_CUDA(context) {
    cuda::bytes_to_float(stream(context), on_device<uint8_t>(input), on_device<float>(values),
                         mask.numel());
    return values;
  }
  cpu::loops().mask_to_float(input.data<uint8_t>(), values.data<float>(), mask.numel());
  return values;
}

void suppress_overlap_inplace(Context& context, Tensor& logits, float limit) {
  require_f32(logits, "suppress_overlap_inplace");
  require(logits.rank() >= 1 && logits.is_contiguous(), Code::kInternal,
          "suppress_overlap_inplace: expected contiguous [objects, ...]; got ", logits.shape(),
          ".");
  const int64_t objects = logits.dim(0);
  if (objects < 2 || logits.numel() == 0) return;
  const int64_t pixels = logits.numel() / objects;
  ON_CUDA(context) {
    return cuda::suppress_overlap(stream(context), on_device<float>(logits), objects, pixels,
                                  limit);
  }
  float* data = logits.data<float>();
  context.threads().parallel_for(pixels, 4096, [&](int64_t begin, int64_t end) {
    cpu::loops().suppress_overlap(data + begin, objects, pixels, end - begin, limit);
  });
}

Tensor render_masks(Context& context, const Tensor& logits, int64_t out_h, int64_t out_w,
                    float threshold, std::optional<float> overlap_limit) {
  require_rank(logits, 3, "render_masks");
  const Tensor input = dense_f32(context, logits, "render_masks");
  const int64_t count = logits.dim(0), h = logits.dim(1), w = logits.dim(2);
  require(out_h > 0 && out_w > 0 && h > 0 && w > 0, Code::kInvalidArgument,
          "render_masks: masks of ", out_w, " x ", out_h, " cannot be made of logits ",
          logits.shape(), ".");
  if (count == 0) return context.empty({0, out_h, out_w}, DType::kU8);
  ON_CUDA(context) {
    Tensor masks = context.empty({count, out_h, out_w}, DType::kU8);
    cuda::render_masks(
        stream(context),
        {on_device<float>(input), on_device<uint8_t>(masks), count, h, w, out_h, out_w, threshold,
         overlap_limit.has_value() && count > 1, overlap_limit.value_or(0.0f)});
    return masks;
  }
  Tensor resized = resize_bilinear(context, input.reshape({count, h, w, 1}), out_h, out_w)
                       .reshape({count, out_h, out_w});
  if (overlap_limit) suppress_overlap_inplace(context, resized, *overlap_limit);
  return ops::threshold(context, resized, threshold);
}

Tensor rim_distances(Context& context, const Tensor& mask) {
  const Tensor input = dense_mask(context, context.to_host(mask), "rim_distances");
  constexpr int64_t kMaxSide = 32768;
  require(mask.dim(0) <= kMaxSide && mask.dim(1) <= kMaxSide, Code::kInvalidArgument,
          "Distances need a mask of at most ", kMaxSide, " pixels a side; got ", mask.shape(), ".");
  Tensor squared = Tensor::empty(cpu_heap(), mask.shape(), DType::kI32);
  cpu::rim_distances(input.data<uint8_t>(), squared.data<int32_t>(), mask.dim(0), mask.dim(1));
  return context.to_device(squared);
}

Overlap mask_overlap(Context& context, const Tensor& a, const Tensor& b) {
  const Tensor left = dense_mask(context, a, "mask_overlap");
  const Tensor right = dense_mask(context, b, "mask_overlap");
  require(a.shape() == b.shape(), Code::kInvalidArgument, "Masks of different sizes, ", a.shape(),
          " and ", b.shape(), ", have no overlap.");
  Overlap overlap;
  ON_CUDA(context) {
    const Tensor counters = context.zeros({3}, DType::kI64);
    cuda::count_overlap(stream(context), on_device<uint8_t>(left), on_device<uint8_t>(right), 1,
                        a.numel(),
                        reinterpret_cast<unsigned long long*>(on_device<int64_t>(counters)));
    const Tensor host = context.to_host(counters);
    const int64_t* n = host.data<int64_t>();
    return {n[2], n[0] + n[1] - n[2]};
  }
  cpu::count_overlap(left.data<uint8_t>(), right.data<uint8_t>(), a.numel(), overlap.intersection,
                     overlap.union_);
  return overlap;
}

}  // namespace vmolmo::ops
