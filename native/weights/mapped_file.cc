#include "native/weights/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "videomolmo/status.h"

namespace vmolmo {

namespace {

// Closes the descriptor at the end of the scope; a mapping outlives it.
struct Descriptor {
  int fd;
  ~Descriptor() {
    if (fd >= 0) ::close(fd);
  }
};

}  // namespace

std::shared_ptr<const MappedFile> MappedFile::open(const std::string& path) {
  const Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  require(file.fd >= 0, Code::kModelNotFound, "Cannot open ", path, ": ", std::strerror(errno),
          ".");
  struct stat info{};
  require(::fstat(file.fd, &info) == 0, Code::kModelNotFound, "Cannot read ", path, ": ",
          std::strerror(errno), ".");
  require(S_ISREG(info.st_mode), Code::kModelNotFound, path, " must be a file, but is not one.");
  const auto size = static_cast<size_t>(info.st_size);
  if (size == 0) return std::shared_ptr<const MappedFile>(new MappedFile(path, nullptr, 0));
  void* data = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.fd, 0);
  require(data != MAP_FAILED, Code::kModelNotFound, "Cannot map ", path, ": ", std::strerror(errno),
          ".");
  return std::shared_ptr<const MappedFile>(
      new MappedFile(path, static_cast<const std::byte*>(data), size));
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) ::munmap(const_cast<std::byte*>(data_), size_);
}

}  // namespace vmolmo
