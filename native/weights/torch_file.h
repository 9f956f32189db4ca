#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "native/weights/tensor_file.h"

namespace vmolmo {

// One file of torch.save since PyTorch 1.6 (.pt, .pth, .bin): a ZIP archive of a pickle and the
// storages that its tensors look into. Read are the tensors of the dictionary that the file holds,
// or of the one under its key "model" or "state_dict"; nothing of the pickle is run. F64 tensors
// appear as F32, I16 ones as I32, which the engine has no types for.
class TorchFile : public TensorFile {
 public:
  explicit TorchFile(std::shared_ptr<const WeightFile> file);

  Tensor tensor(size_t index) const override;

  // A tensor's elements in the file: where they begin, how far they lie apart, and what they are.
  struct View {
    uint64_t begin = 0;            // of the element with all indices 0, in bytes from the beginning
    std::vector<int64_t> strides;  // in elements
    uint8_t element = 0;           // bytes of an element in the file
    enum class Stored : uint8_t { kAsIs, kF64, kI16 } stored = Stored::kAsIs;
  };

 private:
  std::vector<View> views_;
};

}  // namespace vmolmo
