#include "native/ops/boundary.h"

#include <algorithm>

#include "native/ops/checks.h"

namespace vmolmo::ops {
namespace {

void require_size(const Tensor& mask, const Shape& shape) {
  require(mask.shape() == shape, Code::kInvalidArgument,
          "Masks to compare must have one size, but are ", shape, " and ", mask.shape(), ".");
}

// The marks of the pixels to leave out; empty stays empty.
Tensor dense_ignored(Context& context, const Tensor& ignored, const Shape& shape, const char* op) {
  if (!ignored) return ignored;
  require_size(ignored, shape);
  return dense_mask(context, ignored, op);
}

void require_radius(int64_t radius) {
  require(radius >= 1, Code::kInvalidArgument,
          "The radius within which boundaries match must be at least 1 pixel, but is ", radius,
          ".");
}

const uint8_t* bytes_or_null(const Tensor& x) { return x ? x.data<uint8_t>() : nullptr; }

}  // namespace

Tensor boundary_map(Context& context, const Tensor& mask, const Tensor& ignored) {
  const Tensor input = dense_mask(context, mask, "boundary_map");
  const Tensor left_out = dense_ignored(context, ignored, mask.shape(), "boundary_map");
  Tensor map = context.empty(mask.shape(), DType::kU8);
  cpu::boundary_map(input.data<uint8_t>(), bytes_or_null(left_out), map.data<uint8_t>(),
                    mask.dim(0), mask.dim(1));
  return map;
}

cpu::MaskComparison compare_masks(Context& context, const Tensor& truth, const Tensor& predicted,
                                  int64_t radius, const Tensor& ignored) {
  require_radius(radius);
  const Tensor a = dense_mask(context, truth, "compare_masks");
  const Tensor b = dense_mask(context, predicted, "compare_masks");
  require_size(b, a.shape());
  const Tensor left_out = dense_ignored(context, ignored, a.shape(), "compare_masks");
  return cpu::compare_masks(a.data<uint8_t>(), b.data<uint8_t>(), bytes_or_null(left_out), a.dim(0),
                            a.dim(1), radius);
}

std::vector<cpu::MaskComparison> compare_labels(Context& context, const Tensor& truth,
                                                const Tensor& predicted,
                                                const cpu::LabelPairs& pairs, int64_t radius) {
  constexpr int64_t kMaxLabel = 255;
  require_radius(radius);
  const int64_t most = std::max(pairs.truth_labels, pairs.predicted_labels);
  require(std::min(pairs.truth_labels, pairs.predicted_labels) >= 0 && most <= kMaxLabel,
          Code::kInvalidArgument, "Label maps have from 0 to ", kMaxLabel, " labels, not ",
          pairs.truth_labels, " and ", pairs.predicted_labels, ".");
  require(pairs.all || pairs.truth_labels == pairs.predicted_labels, Code::kInvalidArgument,
          "To compare label by label both maps must have equally many, but have ",
          pairs.truth_labels, " and ", pairs.predicted_labels, ".");
  const Tensor a = dense_mask(context, truth, "compare_labels");
  Tensor b;
  if (predicted) {
    b = dense_mask(context, predicted, "compare_labels");
    require_size(b, a.shape());
  }
  return cpu::compare_labels(a.data<uint8_t>(), bytes_or_null(b), pairs, a.dim(0), a.dim(1),
                             radius);
}

}  // namespace vmolmo::ops
