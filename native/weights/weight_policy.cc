#include "native/weights/weight_policy.h"

#include "native/weights/quantize.h"

namespace vmolmo {

WeightPolicy::WeightPolicy(WeightDType dtype, int64_t int4_group, Device::Kind device)
    : dtype_(dtype), int4_group_(int4_group), device_(device) {
  require(dtype != WeightDType::kInt4 || int4_group == 64 || int4_group == 128,
          Code::kInvalidArgument, "The groups of int4 must have 64 or 128 weights; got ",
          int4_group, ".");
}

Weight::Format WeightPolicy::format_of(LayerKind kind) const {
  using Format = Weight::Format;
  const bool layer = kind == LayerKind::kLanguage || kind == LayerKind::kHead;
  switch (dtype_) {
    case WeightDType::kInt8:
      return layer ? Format::kInt8 : Format::kPlain;
    case WeightDType::kInt4:
      if (kind == LayerKind::kHead) return Format::kInt8;
      return layer ? Format::kInt4 : Format::kPlain;
    case WeightDType::kFp4:
      return kind == LayerKind::kVision || kind == LayerKind::kLanguage ? Format::kFp4
                                                                        : Format::kPlain;
    default:
      return Format::kPlain;
  }
}

DType WeightPolicy::computed_matrix() const {
  return device_ != Device::Kind::kCpu && !exact() ? DType::kBF16 : DType::kF32;
}

Held WeightPolicy::held(LayerKind kind, DType stored) const {
  if (kind == LayerKind::kTable) return {};
  const Weight::Format format = format_of(kind);
  if (format != Weight::Format::kPlain) return {DType::kF32, format};
  if (dtype_ == WeightDType::kF32) return {};
  if (dtype_ == WeightDType::kBF16) return {DType::kBF16};
  return {stored == DType::kBF16 ? DType::kBF16 : computed_matrix()};
}

int64_t WeightPolicy::bytes(LayerKind kind, DType stored, const Shape& shape) const {
  if (kind == LayerKind::kUnused) return 0;
  const Held how = held(kind, stored);
  if (how.format != Weight::Format::kPlain) {
    const QuantisedShape quantised = quantised_shape(how.format, shape, int4_group_);
    return static_cast<int64_t>(quantised.bytes());
  }
  return shape.numel() * static_cast<int64_t>(dtype_size(how.dtype));
}

}  // namespace vmolmo
