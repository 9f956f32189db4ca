// Quantised weights, as golden sets and the benchmark of their error see them.

#include "native/ops/linear.h"
#include "native/parity/op_registry.h"
#include "native/weights/quantize.h"

namespace vmolmo::binding {
namespace {

Weight quantised(Context& context, const Tensor& w, const Attributes& attributes) {
  const std::string format = attributes.text("format");
  if (format == "int8") return quantize_int8(w, context.threads());
  if (format == "fp4") return quantize_fp4(w, context.threads());
  require(format == "int4", Code::kInvalidArgument, "format must be int8, int4 or fp4; it is ",
          format, ".");
  return quantize_int4(w, attributes.integer("group"), context.threads());
}

// w f32 [out, in], attributes format and, for int4, group -> dequant [out, in]; with x [rows, in]
// also y = x dequant^T [rows, out].
Tensors quantised_linear(Context& context, const Tensors& inputs, const Attributes& attributes) {
  const Weight weight = quantised(context, input(inputs, "w"), attributes);
  Tensors results{{"dequant", dequantize(weight, context.memory())}};
  if (inputs.contains("x")) results["y"] = ops::linear(context, input(inputs, "x"), weight);
  return results;
}

// x f32 -> codes u8, one per element, and absmax f32, one per block of 64.
Tensors fp4_codes(Context& context, const Tensors& inputs, const Attributes&) {
  const Tensor& x = input(inputs, "x");
  const auto count = static_cast<size_t>(x.numel());
  const Fp4Codes encoded = encode_fp4({x.data<float>(), count});
  Tensor codes = context.empty({x.numel()}, DType::kU8);
  std::copy(encoded.codes.begin(), encoded.codes.end(), codes.data<uint8_t>());
  return {{"codes", codes},
          {"absmax", Tensor::from(encoded.absmax, {static_cast<int64_t>(encoded.absmax.size())})}};
}

const Operation linear_operation("quantised_linear", quantised_linear);
const Operation codes_operation("fp4_codes", fp4_codes);

}  // namespace
}  // namespace vmolmo::binding
