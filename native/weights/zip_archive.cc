#include "native/weights/zip_archive.h"

#include <algorithm>
#include <string_view>
#include <vector>

namespace vmolmo {

namespace {

constexpr uint32_t kLocalHeader = 0x04034B50;
constexpr uint32_t kCentralHeader = 0x02014B50;
constexpr uint32_t kEnd = 0x06054B50;
constexpr uint32_t kEnd64 = 0x06064B50;
constexpr uint32_t kEnd64Locator = 0x07064B50;
constexpr size_t kEndSize = 22;
constexpr size_t kMaxComment = 0xFFFF;
constexpr uint16_t kZip64Extra = 1;
constexpr uint16_t kEncrypted = 1;
// Of a checkpoint of millions of tensors; real ones have thousands of entries of about 100 bytes.
constexpr uint64_t kMaxDirectory = 256 << 20;

// Little-endian numbers of a piece of the file; reading beyond it is the archive's fault.
class Bytes {
 public:
  Bytes(const WeightFile& file, uint64_t offset, uint64_t size) : file_(file) {
    require(size <= file.size() && offset <= file.size() - size, Code::kCheckpointInvalid,
            file.path(), " is a damaged ZIP archive: bytes ", offset, " to ", offset + size,
            " lie outside its ", file.size(), "; its download was cut off or has not finished.");
    bytes_.resize(size);
    file.read(offset, bytes_);
  }

  size_t size() const { return bytes_.size(); }

  template <typename T>
  T number(size_t at) const {
    check(at, sizeof(T));
    T value = 0;
    for (size_t i = sizeof(T); i-- > 0;)
      value =
          static_cast<T>(static_cast<uint64_t>(value) << 8 | static_cast<uint64_t>(bytes_[at + i]));
    return value;
  }

  std::string_view text(size_t at, size_t length) const {
    check(at, length);
    return {reinterpret_cast<const char*>(bytes_.data()) + at, length};
  }

 private:
  void check(size_t at, size_t length) const {
    require(length <= bytes_.size() && at <= bytes_.size() - length, Code::kCheckpointInvalid,
            file_.path(), " is a damaged ZIP archive: a record of its directory is cut off.");
  }

  const WeightFile& file_;
  std::vector<std::byte> bytes_;
};

struct Directory {
  uint64_t offset = 0;
  uint64_t size = 0;
  uint64_t count = 0;
};

Directory find_directory(const WeightFile& file) {
  const uint64_t tail_size = std::min<uint64_t>(file.size(), kEndSize + kMaxComment);
  const uint64_t tail_begin = file.size() - tail_size;
  const Bytes tail(file, tail_begin, tail_size);
  for (uint64_t at = tail_size >= kEndSize ? tail_size - kEndSize + 1 : 0; at-- > 0;) {
    if (tail.number<uint32_t>(at) != kEnd) continue;
    Directory found{tail.number<uint32_t>(at + 16), tail.number<uint32_t>(at + 12),
                    tail.number<uint16_t>(at + 10)};
    // The locator of the ZIP64 record, where there is one, lies right before the end.
    constexpr uint64_t kLocatorSize = 20, kRecordSize = 56;
    const uint64_t end = tail_begin + at;
    if (end < kLocatorSize) return found;
    const Bytes locator(file, end - kLocatorSize, kLocatorSize);
    if (locator.number<uint32_t>(0) != kEnd64Locator) return found;
    const Bytes record(file, locator.number<uint64_t>(8), kRecordSize);
    require(record.number<uint32_t>(0) == kEnd64, Code::kCheckpointInvalid, file.path(),
            " is a damaged ZIP archive: its ZIP64 record is not where its locator says.");
    return {record.number<uint64_t>(48), record.number<uint64_t>(40), record.number<uint64_t>(32)};
  }
  fail(Code::kCheckpointInvalid, file.path(),
       " is a ZIP archive without its directory at the end: its download was cut off or has not "
       "finished.");
}

// One record of the central directory, at `at`, which is moved behind it.
class RecordReader {
 public:
  RecordReader(const WeightFile& file, const Bytes& directory) : file_(file), bytes_(directory) {}

  std::pair<std::string, ZipArchive::Entry> read(size_t& at) const {
    require(bytes_.number<uint32_t>(at) == kCentralHeader, Code::kCheckpointInvalid, file_.path(),
            " is a damaged ZIP archive: a record of its directory does not begin as one.");
    const size_t name_length = bytes_.number<uint16_t>(at + 28);
    const size_t extra_length = bytes_.number<uint16_t>(at + 30);
    const size_t comment_length = bytes_.number<uint16_t>(at + 32);
    std::string name(bytes_.text(at + 46, name_length));
    check(name, (bytes_.number<uint16_t>(at + 8) & kEncrypted) == 0, "is encrypted");
    check(name, bytes_.number<uint16_t>(at + 10) == 0,
          "is compressed; torch.save stores entries as they are");
    uint64_t stored = bytes_.number<uint32_t>(at + 20);
    uint64_t size = bytes_.number<uint32_t>(at + 24);
    uint64_t header = bytes_.number<uint32_t>(at + 42);
    widen(at + 46 + name_length, extra_length, size, stored, header);
    check(name, stored == size, "has two sizes");
    at += 46 + name_length + extra_length + comment_length;
    return {name, {begin(name, header, size), size}};
  }

 private:
  void check(const std::string& name, bool condition, std::string_view what) const {
    require(condition, Code::kCheckpointInvalid, file_.path(), ": the entry ", name,
            " of the ZIP archive ", what, ".");
  }

  // The 64-bit numbers that stand for those that are all ones, in this order.
  void widen(size_t at, size_t length, uint64_t& size, uint64_t& stored, uint64_t& header) const {
    for (const size_t end = at + length; at + 4 <= end;) {
      const size_t field = bytes_.number<uint16_t>(at + 2);
      if (bytes_.number<uint16_t>(at) == kZip64Extra) {
        size_t next = at + 4;
        for (uint64_t* number : {&size, &stored, &header}) {
          if (*number != 0xFFFFFFFFu || next + 8 > at + 4 + field) continue;
          *number = bytes_.number<uint64_t>(next);
          next += 8;
        }
        return;
      }
      at += 4 + field;
    }
  }

  // Where an entry's bytes begin: behind its local header, whose name and extra field may differ in
  // length from the directory's.
  uint64_t begin(const std::string& name, uint64_t header, uint64_t size) const {
    constexpr uint64_t kHeaderSize = 30;
    const Bytes local(file_, header, kHeaderSize);
    check(name, local.number<uint32_t>(0) == kLocalHeader, "is not where the directory says");
    const uint64_t begin =
        header + kHeaderSize + local.number<uint16_t>(26) + local.number<uint16_t>(28);
    check(name, begin <= file_.size() && size <= file_.size() - begin, "ends outside the file");
    return begin;
  }

  const WeightFile& file_;
  const Bytes& bytes_;
};

}  // namespace

ZipArchive::ZipArchive(const WeightFile& file) {
  const Directory directory = find_directory(file);
  require(directory.size <= kMaxDirectory, Code::kCheckpointInvalid, file.path(),
          ": the directory of the ZIP archive would have ", directory.size, " bytes; at most ",
          kMaxDirectory, " are allowed.");
  const Bytes bytes(file, directory.offset, directory.size);
  const RecordReader reader(file, bytes);
  size_t at = 0;
  for (uint64_t i = 0; i < directory.count; ++i) {
    auto [name, entry] = reader.read(at);
    const bool added = entries_.emplace(name, entry).second;
    require(added, Code::kCheckpointInvalid, file.path(), ": the ZIP archive has two entries ",
            name, ".");
  }
}

}  // namespace vmolmo
