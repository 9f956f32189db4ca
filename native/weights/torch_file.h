#pragma once

#include <memory>
#include <vector>

#include "native/weights/tensor_file.h"
#include "native/weights/torch_tensor.h"

namespace vmolmo {

// One file of torch.save since PyTorch 1.6 (.pt, .pth, .bin): a ZIP archive of a pickle and the
// storages that its tensors look into. Read are the tensors of the dictionary that the file holds,
// or of the one under its key "model" or "state_dict"; nothing of the pickle is run. F64 tensors
// appear as F32, I16 ones as I32, which the engine has no types for.
class TorchFile : public TensorFile {
 public:
  explicit TorchFile(std::shared_ptr<const WeightFile> file);

  Tensor tensor(size_t index) const override;

 private:
  std::vector<TorchView> views_;
};

}  // namespace vmolmo
