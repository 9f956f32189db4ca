#include "videomolmo/tensor.h"

#include <bit>
#include <cstring>

namespace vmolmo {
namespace {

Shape row_major_strides(const Shape& shape) {
  Shape strides = shape;
  int64_t step = 1;
  for (int axis = shape.rank() - 1; axis >= 0; --axis) {
    strides[axis] = step;
    step *= shape[axis];
  }
  return strides;
}

int checked_axis(int axis, const Shape& shape) {
  const int positive = axis < 0 ? axis + shape.rank() : axis;
  require(positive >= 0 && positive < shape.rank(), Code::kInternal, "Axis ", axis,
          " of a tensor of shape ", shape, " does not exist.");
  return positive;
}

// Copies a strided block into contiguous memory, axis by axis.
void copy_strided(const std::byte* source, std::byte* target, const Shape& shape,
                  const Shape& strides, int axis, size_t element) {
  if (axis == shape.rank()) {
    std::memcpy(target, source, element);
    return;
  }
  int64_t inner = 1;
  bool dense = true;
  for (int i = shape.rank() - 1; i >= axis; --i) {
    dense = dense && (strides[i] == inner || shape[i] == 1);
    inner *= shape[i];
  }
  if (dense) {
    std::memcpy(target, source, static_cast<size_t>(inner) * element);
    return;
  }
  const size_t target_step = static_cast<size_t>(shape[axis] ? inner / shape[axis] : 0) * element;
  for (int64_t i = 0; i < shape[axis]; ++i) {
    copy_strided(source + i * strides[axis] * static_cast<int64_t>(element),
                 target + static_cast<size_t>(i) * target_step, shape, strides, axis + 1, element);
  }
}

float half_to_float(uint16_t half) {
  const uint32_t sign = static_cast<uint32_t>(half & 0x8000u) << 16;
  const uint32_t exponent = (half >> 10) & 0x1fu;
  const uint32_t mantissa = half & 0x3ffu;
  if (exponent == 31) return std::bit_cast<float>(sign | 0x7f800000u | (mantissa << 13));
  if (exponent != 0)
    return std::bit_cast<float>(sign | ((exponent + 112) << 23) | (mantissa << 13));
  const float magnitude = static_cast<float>(mantissa) * 0x1p-24f;
  return sign ? -magnitude : magnitude;
}

}  // namespace

Tensor::Tensor(std::shared_ptr<Storage> storage, DType dtype, Shape shape, int64_t byte_offset)
    : storage_(std::move(storage)),
      byte_offset_(byte_offset),
      dtype_(dtype),
      shape_(shape),
      strides_(row_major_strides(shape)) {
  require(byte_offset >= 0 && static_cast<size_t>(byte_offset) + bytes() <= storage_->bytes,
          Code::kInternal, "A tensor of shape ", shape_, " and type ", dtype_, " at byte ",
          byte_offset, " does not fit its storage of ", storage_->bytes, " bytes.");
}

Tensor Tensor::empty(Allocator& allocator, Shape shape, DType dtype) {
  for (int64_t dim : shape.dims()) {
    require(dim >= 0, Code::kInternal, "A tensor cannot have the shape ", shape, ".");
  }
  const size_t bytes = static_cast<size_t>(shape.numel()) * dtype_size(dtype);
  return Tensor(allocator.allocate(bytes), dtype, shape);
}

Tensor Tensor::zeros(Allocator& allocator, Shape shape, DType dtype) {
  Tensor tensor = empty(allocator, shape, dtype);
  if (tensor.bytes() == 0) return tensor;
  if (DeviceMemory* memory = tensor.storage_->memory) {
    memory->zero(tensor.raw(), tensor.bytes());
  } else {
    std::memset(tensor.raw(), 0, tensor.bytes());
  }
  return tensor;
}

Tensor Tensor::from(std::span<const float> values, Shape shape) {
  require(static_cast<int64_t>(values.size()) == shape.numel(), Code::kInternal, "Shape ", shape,
          " needs ", shape.numel(), " values; got ", values.size(), ".");
  Tensor tensor = empty(cpu_heap(), shape, DType::kF32);
  if (!values.empty()) std::memcpy(tensor.raw(), values.data(), values.size_bytes());
  return tensor;
}

Tensor Tensor::from(std::span<const int32_t> values, Shape shape) {
  require(static_cast<int64_t>(values.size()) == shape.numel(), Code::kInternal, "Shape ", shape,
          " needs ", shape.numel(), " values; got ", values.size(), ".");
  Tensor tensor = empty(cpu_heap(), shape, DType::kI32);
  if (!values.empty()) std::memcpy(tensor.raw(), values.data(), values.size_bytes());
  return tensor;
}

Tensor Tensor::borrow(const void* data, Shape shape, DType dtype, std::shared_ptr<void> owner) {
  auto storage = std::make_shared<Storage>();
  storage->data = static_cast<std::byte*>(const_cast<void*>(data));
  storage->bytes = static_cast<size_t>(shape.numel()) * dtype_size(dtype);
  storage->owner = std::move(owner);
  return Tensor(std::move(storage), dtype, shape);
}

bool Tensor::is_contiguous() const {
  int64_t step = 1;
  for (int axis = rank() - 1; axis >= 0; --axis) {
    if (shape_[axis] != 1 && strides_[axis] != step) return false;
    step *= shape_[axis];
  }
  return true;
}

Tensor Tensor::reshape(Shape shape) const {
  require(is_contiguous(), Code::kInternal, "Only a contiguous tensor can be reshaped; shape ",
          shape_, " is a strided view.");
  int free_axis = -1;
  int64_t known = 1;
  for (int axis = 0; axis < shape.rank(); ++axis) {
    if (shape[axis] == -1) {
      require(free_axis < 0, Code::kInternal, "Only one extent of ", shape, " may be -1.");
      free_axis = axis;
    } else {
      known *= shape[axis];
    }
  }
  if (free_axis >= 0) {
    require(known > 0 && numel() % known == 0, Code::kInternal, "Shape ", shape_,
            " cannot be reshaped to ", shape, ".");
    shape[free_axis] = numel() / known;
  }
  require(shape.numel() == numel(), Code::kInternal, "Shape ", shape_, " cannot be reshaped to ",
          shape, ".");
  Tensor view = *this;
  view.shape_ = shape;
  view.strides_ = row_major_strides(shape);
  return view;
}

Tensor Tensor::slice(int axis, int64_t begin, int64_t end) const {
  axis = checked_axis(axis, shape_);
  require(0 <= begin && begin <= end && end <= shape_[axis], Code::kInternal, "Slice [", begin,
          ", ", end, ") lies outside axis ", axis, " of shape ", shape_, ".");
  Tensor view = *this;
  view.byte_offset_ += begin * strides_[axis] * static_cast<int64_t>(dtype_size(dtype_));
  view.shape_[axis] = end - begin;
  return view;
}

Tensor Tensor::operator[](int64_t index) const {
  require(rank() >= 2 && index >= 0 && index < shape_[0], Code::kInternal, "Row ", index,
          " of a tensor of shape ", shape_, " does not exist.");
  Tensor view = *this;
  view.byte_offset_ += index * strides_[0] * static_cast<int64_t>(dtype_size(dtype_));
  view.shape_ = Shape(shape_.dims().subspan(1));
  view.strides_ = Shape(strides_.dims().subspan(1));
  return view;
}

Tensor Tensor::transpose(int axis_a, int axis_b) const {
  axis_a = checked_axis(axis_a, shape_);
  axis_b = checked_axis(axis_b, shape_);
  Tensor view = *this;
  std::swap(view.shape_[axis_a], view.shape_[axis_b]);
  std::swap(view.strides_[axis_a], view.strides_[axis_b]);
  return view;
}

// One of the two sides is not the CPU's memory. A strided view passes the host, so models use
// ops::dense_copy on the device instead.
Tensor Tensor::clone_across(Allocator& allocator) const {
  DeviceMemory* from = storage_->memory;
  if (from && !is_contiguous()) {
    int64_t span = 1;
    for (int axis = 0; axis < rank(); ++axis) span += (shape_[axis] - 1) * strides_[axis];
    Tensor whole = empty(cpu_heap(), {span}, dtype_);
    from->download(whole.raw(), raw(), whole.bytes());
    Tensor view = whole;
    view.shape_ = shape_;
    view.strides_ = strides_;
    return view.clone(allocator);
  }
  if (!from && !is_contiguous()) return clone(cpu_heap()).clone_across(allocator);
  Tensor copy = empty(allocator, shape_, dtype_);
  DeviceMemory* to = copy.storage_->memory;
  if (from && to) {
    require(device() == copy.device(), Code::kInternal, "A tensor on ", to_string(device()),
            " cannot be copied to ", to_string(copy.device()), ".");
    to->copy(copy.raw(), raw(), bytes());
  } else if (to) {
    to->upload(copy.raw(), raw(), bytes());
  } else {
    from->download(copy.raw(), raw(), bytes());
  }
  return copy;
}

Tensor Tensor::clone(Allocator& allocator) const {
  const bool hosts = !storage_->memory && allocator.device().kind == Device::Kind::kCpu;
  if (!hosts && numel() > 0) return clone_across(allocator);
  Tensor copy = empty(allocator, shape_, dtype_);
  if (numel() > 0) copy_strided(raw(), copy.raw(), shape_, strides_, 0, dtype_size(dtype_));
  return copy;
}

Tensor Tensor::to_f32(Allocator& allocator) const {
  if (storage_->memory) return clone(cpu_heap()).to_f32(allocator);
  const Tensor source = is_contiguous() ? *this : clone(allocator);
  if (dtype_ == DType::kF32) return source.clone(allocator);
  require(dtype_ == DType::kBF16 || dtype_ == DType::kF16, Code::kInternal,
          "Only floating tensors convert to F32; this one is ", dtype_, ".");
  Tensor result = empty(allocator, shape_, DType::kF32);
  auto* out = result.data<float>();
  const auto* words = reinterpret_cast<const uint16_t*>(source.raw());
  const int64_t count = numel();
  if (dtype_ == DType::kBF16) {
    for (int64_t i = 0; i < count; ++i) out[i] = std::bit_cast<float>(uint32_t{words[i]} << 16);
  } else {
    for (int64_t i = 0; i < count; ++i) out[i] = half_to_float(words[i]);
  }
  return result;
}

std::vector<float> Tensor::to_vector() const {
  const Tensor floats = to_f32(cpu_heap());
  return std::vector<float>(floats.data<float>(), floats.data<float>() + floats.numel());
}

void Tensor::check_dtype(DType wanted) const {
  require(storage_ != nullptr, Code::kInternal, "Expected a ", wanted,
          " tensor; got an empty one.");
  require(dtype_ == wanted, Code::kInternal, "Expected a tensor of type ", wanted, "; shape ",
          shape_, " is ", dtype_, ".");
}

void Tensor::check_host() const {
  require(storage_->memory == nullptr, Code::kInternal, "Expected a tensor in the CPU's memory; ",
          "shape ", shape_, " is on ", to_string(storage_->device), ".");
}

}  // namespace vmolmo
