#include "native/ops/boundary.h"

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
  require(radius >= 1, Code::kInvalidArgument,
          "The radius within which boundaries match must be at least 1 pixel, but is ", radius,
          ".");
  const Tensor a = dense_mask(context, truth, "compare_masks");
  const Tensor b = dense_mask(context, predicted, "compare_masks");
  require_size(b, a.shape());
  const Tensor left_out = dense_ignored(context, ignored, a.shape(), "compare_masks");
  return cpu::compare_masks(a.data<uint8_t>(), b.data<uint8_t>(), bytes_or_null(left_out), a.dim(0),
                            a.dim(1), radius);
}

}  // namespace vmolmo::ops
