#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "videomolmo/weights.h"

namespace vmolmo {

// The bytes of one file of weights. Mapped, its tensors are views whose pages are read when they
// are touched; read, every tensor is a copy of its own. A mapped file that is cut while it is in
// use does not end the process (see MappedGuard); check_intact() tells.
class WeightFile {
 public:
  // Throws MODEL_NOT_FOUND when the file does not exist or cannot be read.
  static std::shared_ptr<const WeightFile> open(const std::string& path, FileAccess access);
  virtual ~WeightFile() = default;

  const std::string& path() const { return path_; }
  uint64_t size() const { return size_; }

  // Copies bytes that lie inside the file. Throws CHECKPOINT_INVALID when they no longer do.
  virtual void read(uint64_t offset, std::span<std::byte> out) const = 0;
  // `shape.numel()` elements from `offset` on: a view where the file is mapped and the bytes are
  // aligned for their dtype. The range lies inside the file.
  virtual Tensor tensor(uint64_t offset, const Shape& shape, DType dtype) const = 0;
  // Throws CHECKPOINT_INVALID when bytes that were asked for could not be read.
  virtual void check_intact() const = 0;

 protected:
  WeightFile(std::string path, uint64_t size) : path_(std::move(path)), size_(size) {}

 private:
  std::string path_;
  uint64_t size_;
};

}  // namespace vmolmo
