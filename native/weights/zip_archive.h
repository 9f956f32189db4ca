#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "native/weights/weight_file.h"

namespace vmolmo {

// The entries of a ZIP archive that are stored as they are, ZIP64 included, as torch.save writes
// them. Sizes and places come from the central directory and are checked against the file; nothing
// is unpacked.
class ZipArchive {
 public:
  struct Entry {
    uint64_t offset = 0;  // of the first byte, from the beginning of the file
    uint64_t size = 0;
  };

  // Throws CHECKPOINT_INVALID for what is no such archive: cut off, compressed, encrypted, or with
  // two entries of one name.
  explicit ZipArchive(const WeightFile& file);

  const std::map<std::string, Entry>& entries() const { return entries_; }

 private:
  std::map<std::string, Entry> entries_;
};

}  // namespace vmolmo
