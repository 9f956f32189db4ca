#include "native/ops/cpu_weight.h"

namespace vmolmo::ops {
namespace {

void set_plain(const Tensor& w, cpu::Gemm& call) {
  require(w.dtype() == DType::kF32 || w.dtype() == DType::kBF16, Code::kInternal,
          "linear: expected an F32 or BF16 weight; got ", w.dtype(), ".");
  const bool f32 = w.dtype() == DType::kF32;
  call.layout = f32 ? cpu::Gemm::WeightLayout::kF32 : cpu::Gemm::WeightLayout::kBF16;
  call.w = w.raw();
  call.ldw = w.stride(0);
}

void set_quantised(const Weight& weight, cpu::Gemm& call) {
  const bool int8 = weight.format == Weight::Format::kInt8;
  call.layout = int8 ? cpu::Gemm::WeightLayout::kInt8 : cpu::Gemm::WeightLayout::kNibbles;
  call.quant.codes = reinterpret_cast<const uint8_t*>(weight.data.raw());
  call.quant.row_bytes = weight.data.stride(0);
  call.quant.scales = weight.scales.data<float>();
  call.quant.scale_stride = weight.scales.stride(0);
  call.quant.group = weight.group;
  call.quant.values =
      weight.format == Weight::Format::kInt4 ? kInt4Values.data() : kFp4Values.data();
}

}  // namespace

void set_weight(const Weight& weight, cpu::Gemm& call) {
  call.n = weight.out_features();
  call.k = weight.in_features();
  if (weight.format == Weight::Format::kPlain) {
    set_plain(weight.data, call);
  } else {
    set_quantised(weight, call);
  }
}

}  // namespace vmolmo::ops
