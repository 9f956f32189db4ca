#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <iosfwd>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "videomolmo/status.h"

namespace vmolmo {

enum class DType : uint8_t { kF32, kBF16, kF16, kI8, kU8, kI32, kI64, kBool };

size_t dtype_size(DType dtype);
const char* dtype_name(DType dtype);  // "F32", "BF16", ... as in safetensors

// bfloat16 as a storage type: the upper half of an IEEE single. Rounding is to nearest even.
struct BFloat16 {
  uint16_t bits = 0;

  BFloat16() = default;
  explicit BFloat16(float value);
  explicit operator float() const;
};

template <typename T>
constexpr DType dtype_of();
template <>
constexpr DType dtype_of<float>() {
  return DType::kF32;
}
template <>
constexpr DType dtype_of<BFloat16>() {
  return DType::kBF16;
}
template <>
constexpr DType dtype_of<int8_t>() {
  return DType::kI8;
}
template <>
constexpr DType dtype_of<uint8_t>() {
  return DType::kU8;
}
template <>
constexpr DType dtype_of<int32_t>() {
  return DType::kI32;
}
template <>
constexpr DType dtype_of<int64_t>() {
  return DType::kI64;
}

struct Device {
  enum class Kind : uint8_t { kCpu, kCuda };
  Kind kind = Kind::kCpu;
  int index = 0;

  bool operator==(const Device&) const = default;
};

std::string to_string(Device device);  // "cpu", "cuda:0"

// Up to six extents, row-major, outermost first.
class Shape {
 public:
  static constexpr int kMaxRank = 6;

  Shape() = default;
  Shape(std::initializer_list<int64_t> dims);
  explicit Shape(std::span<const int64_t> dims);

  int rank() const { return rank_; }
  // Negative axes count from the end.
  int64_t operator[](int axis) const { return dims_[axis < 0 ? axis + rank_ : axis]; }
  int64_t& operator[](int axis) { return dims_[axis < 0 ? axis + rank_ : axis]; }
  int64_t numel() const;
  void push_back(int64_t dim);
  std::span<const int64_t> dims() const { return {dims_.data(), static_cast<size_t>(rank_)}; }
  bool operator==(const Shape& other) const;

 private:
  std::array<int64_t, kMaxRank> dims_{};
  int rank_ = 0;
};

std::string to_string(const Shape& shape);  // "[2, 576, 1024]"
std::ostream& operator<<(std::ostream& out, const Shape& shape);
std::ostream& operator<<(std::ostream& out, DType dtype);

// Copies to, from and within a device's memory, in the order in which they are asked for.
class DeviceMemory {
 public:
  virtual ~DeviceMemory() = default;
  // `from` may be changed or freed after the call.
  virtual void upload(std::byte* to, const void* from, size_t bytes) = 0;
  // Waits for everything before it.
  virtual void download(void* to, const std::byte* from, size_t bytes) = 0;
  virtual void copy(std::byte* to, const std::byte* from, size_t bytes) = 0;
  virtual void zero(std::byte* at, size_t bytes) = 0;
};

// A block of bytes on one device. `owner` keeps alive whatever the bytes belong to (a heap block, a
// pool, a mapped file, a borrowed JavaScript buffer).
struct Storage {
  std::byte* data = nullptr;
  size_t bytes = 0;
  Device device;
  std::shared_ptr<void> owner;
  DeviceMemory* memory = nullptr;  // null on the CPU; kept alive by owner
};

// Of the memory that tensors lie in: a GPU's pool or the process's heap.
struct MemoryUse {
  size_t taken = 0;         // bytes held from the system or the device
  size_t idle = 0;          // of them, in no tensor and no graph
  size_t peak = 0;          // most that was in tensors at a time
  size_t pinned = 0;        // bytes of the host's memory that copies to a device go through
  int64_t allocations = 0;  // times that the system or the device was asked for memory
};

class Allocator {
 public:
  virtual ~Allocator() = default;
  // 64-byte aligned, uninitialised.
  virtual std::shared_ptr<Storage> allocate(size_t bytes) = 0;
  virtual Device device() const = 0;
  virtual MemoryUse use() const = 0;
};

// Heap memory of the process, kept in size classes and reused when the last tensor lets go, so a
// steady stream allocates nothing after its first frames. Thread-safe.
std::shared_ptr<Allocator> make_cpu_pool();
// Plain aligned heap memory for things that live as long as a model.
Allocator& cpu_heap();

// A view: storage, offset, shape and strides (in elements). Copying a Tensor copies the view. The
// default-constructed Tensor is empty ("no tensor") and tests false.
class Tensor {
 public:
  Tensor() = default;
  Tensor(std::shared_ptr<Storage> storage, DType dtype, Shape shape, int64_t byte_offset = 0);

  static Tensor empty(Allocator& allocator, Shape shape, DType dtype = DType::kF32);
  static Tensor zeros(Allocator& allocator, Shape shape, DType dtype = DType::kF32);
  // Copies `values`; the count must equal shape.numel().
  static Tensor from(std::span<const float> values, Shape shape);
  static Tensor from(std::span<const int32_t> values, Shape shape);
  // A view of memory that somebody else owns and keeps alive for as long as the tensor is used.
  static Tensor borrow(const void* data, Shape shape, DType dtype,
                       std::shared_ptr<void> owner = nullptr);

  explicit operator bool() const { return storage_ != nullptr; }
  DType dtype() const { return dtype_; }
  Device device() const { return storage_->device; }
  const Shape& shape() const { return shape_; }
  int rank() const { return shape_.rank(); }
  int64_t dim(int axis) const { return shape_[axis]; }
  int64_t stride(int axis) const { return strides_[axis]; }
  int64_t numel() const { return shape_.numel(); }
  size_t bytes() const { return static_cast<size_t>(numel()) * dtype_size(dtype_); }
  bool is_contiguous() const;

  // Checked access: throws INTERNAL when T is not the tensor's dtype or the memory is not the
  // CPU's.
  template <typename T>
  T* data() const {
    check_dtype(dtype_of<T>());
    check_host();
    return reinterpret_cast<T*>(raw());
  }
  // The same without the check for the CPU's memory: for kernels of other devices.
  template <typename T>
  T* device_data() const {
    check_dtype(dtype_of<T>());
    return reinterpret_cast<T*>(raw());
  }
  std::byte* raw() const { return storage_->data + byte_offset_; }

  // Views. reshape() requires a contiguous tensor; one extent may be -1.
  Tensor reshape(Shape shape) const;
  Tensor slice(int axis, int64_t begin, int64_t end) const;
  // Drops axis 0: row `index` of a tensor of rank >= 2.
  Tensor operator[](int64_t index) const;
  Tensor transpose(int axis_a, int axis_b) const;

  // A contiguous copy in `allocator` (also when already contiguous), which may be another device's.
  Tensor clone(Allocator& allocator) const;
  // F32 copy of any floating dtype, on the CPU.
  Tensor to_f32(Allocator& allocator) const;
  std::vector<float> to_vector() const;

 private:
  void check_dtype(DType wanted) const;
  void check_host() const;
  Tensor clone_across(Allocator& allocator) const;

  std::shared_ptr<Storage> storage_;
  int64_t byte_offset_ = 0;
  DType dtype_ = DType::kF32;
  Shape shape_;
  Shape strides_;
};

}  // namespace vmolmo
