#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "native/weights/mapped_file.h"
#include "native/weights/weight_source.h"

namespace vmolmo {

// One mapped .safetensors file. Opening it checks the whole header: its length, the JSON, every
// dtype, every shape against its byte range, and that the ranges fill the data exactly, without
// overlap.
class SafetensorsFile {
 public:
  explicit SafetensorsFile(const std::string& path);

  const std::vector<TensorInfo>& tensors() const { return tensors_; }
  bool has(const std::string& name) const { return index_.contains(name); }
  const TensorInfo& info(const std::string& name) const;
  // A view of the mapped bytes; a copy where they are not aligned for their dtype.
  Tensor tensor(const std::string& name) const;

 private:
  void read_header();
  void check_ranges() const;

  std::shared_ptr<const MappedFile> file_;
  uint64_t data_begin_ = 0;
  std::vector<TensorInfo> tensors_;
  std::vector<uint64_t> offsets_;  // from the beginning of the data, per tensor
  std::map<std::string, size_t> index_;
};

}  // namespace vmolmo
