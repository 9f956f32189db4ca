#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "native/weights/weight_file.h"
#include "native/weights/weight_source.h"

namespace vmolmo {

// One file of named tensors, whose whole description was checked against its bytes when it was
// opened.
class TensorFile {
 public:
  virtual ~TensorFile() = default;

  const std::vector<TensorInfo>& tensors() const { return tensors_; }
  const WeightFile& file() const { return *file_; }
  // The tensor tensors()[index]: a view of the file's bytes where they are mapped, aligned and in
  // row-major order, else a copy.
  virtual Tensor tensor(size_t index) const = 0;

 protected:
  explicit TensorFile(std::shared_ptr<const WeightFile> file) : file_(std::move(file)) {}

  std::shared_ptr<const WeightFile> file_;
  std::vector<TensorInfo> tensors_;
};

// Opens a safetensors or PyTorch file, whatever its name ends in. Throws CHECKPOINT_INVALID, which
// says what the file is where it is neither (a Git LFS pointer, a web page, ...).
std::unique_ptr<TensorFile> open_tensor_file(const std::string& path, FileAccess access);

}  // namespace vmolmo
