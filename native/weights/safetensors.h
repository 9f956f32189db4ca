#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "native/weights/tensor_file.h"

namespace vmolmo {

// One .safetensors file. Opening it checks the whole header: its length, the JSON, every dtype,
// every shape against its byte range, and that the ranges fill the data exactly, without overlap.
class SafetensorsFile : public TensorFile {
 public:
  explicit SafetensorsFile(std::shared_ptr<const WeightFile> file);

  Tensor tensor(size_t index) const override;

 private:
  void read_header();
  void check_ranges() const;

  uint64_t data_begin_ = 0;
  std::vector<uint64_t> offsets_;  // from the beginning of the data, per tensor
};

}  // namespace vmolmo
