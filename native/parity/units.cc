// Small functions that golden sets test alone; none of them needs a model.

#include <algorithm>
#include <cmath>

#include "native/ops/boundary.h"
#include "native/ops/elementwise.h"
#include "native/ops/mask.h"
#include "native/ops/resize.h"
#include "native/ops/rope.h"
#include "native/parity/op_registry.h"
#include "native/sam2/video_predictor.h"
#include "native/weights/weight_source.h"

namespace vmolmo::binding {

namespace {

// The last two axes are rows and columns; everything before them is a batch of planes.
struct Planes {
  int64_t count = 1;
  int64_t height = 0;
  int64_t width = 0;
};

Planes planes_of(const Tensor& x) {
  require(x.rank() >= 2, Code::kInvalidArgument, "x must have at least 2 axes, but has the shape ",
          x.shape(), ".");
  Planes planes{1, x.dim(-2), x.dim(-1)};
  for (int axis = 0; axis < x.rank() - 2; ++axis) planes.count *= x.dim(axis);
  return planes;
}

Tensor as_f32(Context& context, const Tensor& x) {
  if (x.dtype() == DType::kF32) return x.clone(context.memory());
  Tensor wide = context.empty(x.shape());
  const uint8_t* bytes = x.data<uint8_t>();
  for (int64_t i = 0; i < x.numel(); ++i) wide.data<float>()[i] = static_cast<float>(bytes[i]);
  return wide;
}

Shape resized_shape(const Tensor& x, int64_t height, int64_t width) {
  Shape shape = x.shape();
  shape[-2] = height;
  shape[-1] = width;
  return shape;
}

// x f32 [..., h, w], attributes height and width -> out [..., height, width].
Tensors resize_bilinear(Context& context, const Tensors& inputs, const Attributes& attributes) {
  const Tensor& x = input(inputs, "x");
  const Planes planes = planes_of(x);
  const int64_t height = attributes.integer("height");
  const int64_t width = attributes.integer("width");
  const Tensor out = ops::resize_bilinear(
      context, x.reshape({planes.count, planes.height, planes.width, 1}), height, width);
  return {{"out", out.reshape(resized_shape(x, height, width))}};
}

Tensor antialias(Context& context, const Tensor& x, int64_t height, int64_t width) {
  const Planes planes = planes_of(x);
  require(planes.count == 1, Code::kInvalidArgument, "x must be one plane, but has the shape ",
          x.shape(), ".");
  const Tensor out = ops::resize_antialias(
      context, as_f32(context, x).reshape({planes.height, planes.width, 1}), height, width);
  return out.reshape(resized_shape(x, height, width));
}

// x [1, 1, h, w], attributes height and width -> out [1, 1, height, width].
Tensors resize_antialias(Context& context, const Tensors& inputs, const Attributes& attributes) {
  return {{"out", antialias(context, input(inputs, "x"), attributes.integer("height"),
                            attributes.integer("width"))}};
}

// A mask given on a frame: x [1, 1, h, w], attribute size -> resized f32, binary u8 (>= 0.5).
Tensors mask_input(Context& context, const Tensors& inputs, const Attributes& attributes) {
  const int64_t size = attributes.integer("size");
  const Tensor resized = antialias(context, input(inputs, "x"), size, size);
  Tensor binary = context.empty(resized.shape(), DType::kU8);
  for (int64_t i = 0; i < resized.numel(); ++i) {
    binary.data<uint8_t>()[i] = resized.data<float>()[i] >= 0.5f;
  }
  return {{"resized", resized}, {"binary", binary}};
}

// x f32 [..., h, w] logits, attribute area -> out.
Tensors fill_holes(Context& context, const Tensors& inputs, const Attributes& attributes) {
  constexpr float kFilled = 0.1f;
  Tensor out = input(inputs, "x").clone(context.memory());
  const Planes planes = planes_of(out);
  const Tensor all = out.reshape({planes.count, planes.height, planes.width});
  for (int64_t i = 0; i < planes.count; ++i) {
    Tensor plane = all[i];
    ops::fill_holes_inplace(context, plane, attributes.integer("area"), 0.0f, kFilled);
  }
  return {{"out", out}};
}

// x f32 [objects, 1, h, w] logits -> out.
Tensors non_overlap(Context& context, const Tensors& inputs, const Attributes&) {
  const Tensor& x = input(inputs, "x");
  const Planes planes = planes_of(x);
  Tensor out = x.clone(context.memory()).reshape({planes.count, planes.height, planes.width});
  sam2::apply_non_overlap(context, out);
  return {{"out", out.reshape(x.shape())}};
}

// Attributes grid, width, theta -> cos, sin [grid * grid, width / 2].
Tensors axial_rope(Context&, const Tensors&, const Attributes& attributes) {
  const ops::RopeTable table = ops::make_axial_rope_table(
      attributes.integer("grid"), attributes.integer("width"), attributes.number("theta"));
  return {{"cos", table.cos}, {"sin", table.sin}};
}

// shape i32 [rank], attributes name, mul, add -> values.
Tensors generated_weight(Context&, const Tensors& inputs, const Attributes& attributes) {
  const Tensor& extents = input(inputs, "shape");
  Shape shape;
  for (int64_t i = 0; i < extents.numel(); ++i) shape.push_back(extents.data<int32_t>()[i]);
  const std::string name = attributes.text("name");
  const auto source = hash_weights({{name, {attributes.number("mul"), attributes.number("add")}}});
  return {{"values", source->get(name, shape)}};
}

// Attribute radius -> half_widths i32 [radius + 1] of the disk within which boundaries match.
Tensors disk_half_widths(Context& context, const Tensors&, const Attributes& attributes) {
  const int64_t radius = attributes.integer("radius");
  require(radius >= 1 && radius <= 32768, Code::kInvalidArgument,
          "radius must be from 1 to 32768, but is ", radius, ".");
  const std::vector<int64_t> half_widths = cpu::disk_half_widths(radius);
  Tensor out = context.empty({static_cast<int64_t>(half_widths.size())}, DType::kI32);
  std::copy(half_widths.begin(), half_widths.end(), out.data<int32_t>());
  return {{"half_widths", out}};
}

const Operation operations[] = {
    {"resize_bilinear", resize_bilinear}, {"resize_antialias", resize_antialias},
    {"sam2_mask_input", mask_input},      {"sam2_fill_holes", fill_holes},
    {"sam2_non_overlap", non_overlap},    {"sam2_rope", axial_rope},
    {"hash_weights", generated_weight},   {"disk_half_widths", disk_half_widths},
};

}  // namespace

}  // namespace vmolmo::binding
