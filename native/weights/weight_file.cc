#include "native/weights/weight_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#ifdef __linux__
#include <sys/vfs.h>
#else
#include <sys/mount.h>
#include <sys/param.h>
#endif

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "native/weights/mapped_guard.h"

namespace vmolmo {

namespace {

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  Descriptor& operator=(Descriptor&&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  int fd() const { return fd_; }

 private:
  int fd_;
};

[[noreturn]] void fail_shrunk(const std::string& path) {
  fail(Code::kCheckpointInvalid, path,
       " was cut or became unreadable while its model was in use; nothing that was computed "
       "from it meanwhile counts. Restore the file and load the model again.");
}

class MappedFile : public WeightFile, public std::enable_shared_from_this<MappedFile> {
 public:
  MappedFile(const std::string& path, const std::byte* data, size_t size)
      : WeightFile(path, size), data_(data), guard_(data, size) {}
  ~MappedFile() override { ::munmap(const_cast<std::byte*>(data_), this->size()); }

  void read(uint64_t offset, std::span<std::byte> out) const override {
    std::memcpy(out.data(), data_ + offset, out.size());
    check_intact();
  }

  Tensor tensor(uint64_t offset, const Shape& shape, DType dtype) const override {
    const std::byte* data = data_ + offset;
    if (reinterpret_cast<uintptr_t>(data) % dtype_size(dtype) == 0) {
      return Tensor::borrow(data, shape, dtype,
                            std::const_pointer_cast<MappedFile>(shared_from_this()));
    }
    Tensor copy = Tensor::empty(cpu_heap(), shape, dtype);
    read(offset, {copy.raw(), copy.bytes()});
    return copy;
  }

  void check_intact() const override {
    if (guard_.lost()) fail_shrunk(path());
  }

 private:
  const std::byte* data_;
  // Behind data_: faults are guarded against for as long as the pages are mapped.
  MappedGuard guard_;
};

class ReadFile : public WeightFile {
 public:
  ReadFile(const std::string& path, uint64_t size, Descriptor file)
      : WeightFile(path, size), file_(std::move(file)) {}

  void read(uint64_t offset, std::span<std::byte> out) const override {
    // A single read gives 2 GiB at most.
    constexpr size_t kMost = size_t{1} << 30;
    while (!out.empty()) {
      const ssize_t got =
          ::pread(file_.fd(), out.data(), std::min(out.size(), kMost), static_cast<off_t>(offset));
      if (got < 0 && errno == EINTR) continue;
      require(got >= 0, Code::kCheckpointInvalid, "Cannot read ", path(), ": ",
              std::strerror(errno), ".");
      if (got == 0) fail_shrunk(path());
      offset += static_cast<uint64_t>(got);
      out = out.subspan(static_cast<size_t>(got));
    }
  }

  Tensor tensor(uint64_t offset, const Shape& shape, DType dtype) const override {
    Tensor copy = Tensor::empty(cpu_heap(), shape, dtype);
    read(offset, {copy.raw(), copy.bytes()});
    return copy;
  }

  void check_intact() const override {}  // read() has told

 private:
  Descriptor file_;
};

bool is_remote(int fd) {
  struct statfs info{};
  if (::fstatfs(fd, &info) != 0) return false;
#ifdef __linux__
  // From linux/magic.h and the file systems' own sources.
  constexpr std::array<uint32_t, 12> kRemote{
      0x00006969,  // NFS
      0xFF534D42,  // CIFS
      0xFE534D42,  // SMB 2
      0x0000517B,  // SMB
      0x65735546,  // FUSE
      0x01021997,  // 9P
      0x00C36400,  // Ceph
      0x5346414F,  // AFS
      0x6B414653,  // kAFS
      0x0BD00BD0,  // Lustre
      0x47504653,  // GPFS
      0x786F4256,  // VirtualBox
  };
  const auto type = static_cast<uint32_t>(info.f_type);
  return std::find(kRemote.begin(), kRemote.end(), type) != kRemote.end();
#else
  return (info.f_flags & MNT_LOCAL) == 0;
#endif
}

}  // namespace

bool is_remote(const std::string& path) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  return file.fd() >= 0 && is_remote(file.fd());
}

std::shared_ptr<const WeightFile> WeightFile::open(const std::string& path, FileAccess access) {
  Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  require(file.fd() >= 0, Code::kModelNotFound, "Cannot open ", path, ": ", std::strerror(errno),
          ".");
  struct stat info{};
  require(::fstat(file.fd(), &info) == 0, Code::kModelNotFound, "Cannot read ", path, ": ",
          std::strerror(errno), ".");
  require(S_ISREG(info.st_mode), Code::kModelNotFound, path, " must be a file, but is not one.");
  const auto size = static_cast<size_t>(info.st_size);
  const bool maps =
      access == FileAccess::kMap || (access == FileAccess::kAuto && !is_remote(file.fd()));
  if (size == 0 || !maps) return std::make_shared<const ReadFile>(path, size, std::move(file));
  void* data = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.fd(), 0);
  require(data != MAP_FAILED, Code::kModelNotFound, "Cannot map ", path, ": ", std::strerror(errno),
          ".");
  return std::make_shared<const MappedFile>(path, static_cast<const std::byte*>(data), size);
}

}  // namespace vmolmo
