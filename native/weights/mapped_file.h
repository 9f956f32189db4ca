#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>

namespace vmolmo {

// A whole file mapped read-only; the pages are read when they are touched. The file must not be
// truncated while it is mapped.
class MappedFile {
 public:
  // Throws MODEL_NOT_FOUND when the file does not exist or cannot be read.
  static std::shared_ptr<const MappedFile> open(const std::string& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::span<const std::byte> bytes() const { return {data_, size_}; }
  const std::string& path() const { return path_; }

 private:
  MappedFile(std::string path, const std::byte* data, size_t size)
      : path_(std::move(path)), data_(data), size_(size) {}

  std::string path_;
  const std::byte* data_;
  size_t size_;
};

}  // namespace vmolmo
