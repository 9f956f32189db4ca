#include "native/ops/mask.h"

#include <algorithm>

#include "native/kernels/cpu/components.h"
#include "native/kernels/cpu/distance.h"
#include "native/ops/checks.h"

namespace vmolmo::ops {

Tensor threshold(Context& context, const Tensor& logits, float threshold) {
  const Tensor input = dense_f32(context, logits, "threshold");
  Tensor mask = context.empty(logits.shape(), DType::kU8);
  const float* in = input.data<float>();
  uint8_t* out = mask.data<uint8_t>();
  context.threads().parallel_for(mask.numel(), 65536, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) out[i] = in[i] > threshold;
  });
  return mask;
}

Components connected_components(Context& context, const Tensor& mask, int connectivity) {
  require(connectivity == 4 || connectivity == 8, Code::kInvalidArgument,
          "Connectivity must be 4 or 8; got ", connectivity, ".");
  const Tensor input = dense_mask(context, mask, "connected_components");
  Components result{context.empty(mask.shape(), DType::kI32), {}};
  result.areas = cpu::connected_components(input.data<uint8_t>(), result.labels.data<int32_t>(),
                                           mask.dim(0), mask.dim(1), connectivity);
  return result;
}

void fill_holes_inplace(Context& context, Tensor& logits, int64_t max_area, float threshold,
                        float value) {
  require_f32(logits, "fill_holes_inplace");
  require_rank(logits, 2, "fill_holes_inplace");
  require(logits.is_contiguous(), Code::kInternal,
          "fill_holes_inplace: logits must be contiguous.");
  Tensor holes = context.empty(logits.shape(), DType::kU8);
  float* data = logits.data<float>();
  uint8_t* hole = holes.data<uint8_t>();
  const int64_t count = logits.numel();
  for (int64_t i = 0; i < count; ++i) hole[i] = data[i] <= threshold;
  const Components components = connected_components(context, holes, 8);
  const int32_t* label = components.labels.data<int32_t>();
  for (int64_t i = 0; i < count; ++i) {
    if (label[i] > 0 && components.areas[size_t(label[i]) - 1] <= max_area) data[i] = value;
  }
}

Tensor rim_distances(Context& context, const Tensor& mask) {
  const Tensor input = dense_mask(context, mask, "rim_distances");
  constexpr int64_t kMaxSide = 32768;
  require(mask.dim(0) <= kMaxSide && mask.dim(1) <= kMaxSide, Code::kInvalidArgument,
          "Distances need a mask of at most ", kMaxSide, " pixels a side; got ", mask.shape(), ".");
  Tensor squared = context.empty(mask.shape(), DType::kI32);
  cpu::rim_distances(input.data<uint8_t>(), squared.data<int32_t>(), mask.dim(0), mask.dim(1));
  return squared;
}

Overlap mask_overlap(Context& context, const Tensor& a, const Tensor& b) {
  const Tensor left = dense_mask(context, a, "mask_overlap");
  const Tensor right = dense_mask(context, b, "mask_overlap");
  require(a.shape() == b.shape(), Code::kInvalidArgument, "Masks of different sizes, ", a.shape(),
          " and ", b.shape(), ", have no overlap.");
  Overlap overlap;
  cpu::count_overlap(left.data<uint8_t>(), right.data<uint8_t>(), a.numel(), overlap.intersection,
                     overlap.union_);
  return overlap;
}

}  // namespace vmolmo::ops
