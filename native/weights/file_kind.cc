#include "native/weights/file_kind.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <string_view>

namespace vmolmo {

namespace {

constexpr size_t kHead = 512;

std::string lower(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return result;
}

// Without the byte order mark and white space that a page may begin with.
std::string_view text_of(std::string_view head) {
  if (head.starts_with("\xEF\xBB\xBF")) head.remove_prefix(3);
  const size_t first = head.find_first_not_of(" \t\r\n");
  return first == std::string_view::npos ? std::string_view() : head.substr(first);
}

bool is_web_page(std::string_view head) {
  const std::string text = lower(text_of(head));
  return text.starts_with("<!doctype html") || text.starts_with("<html") ||
         (text.starts_with("<") && text.find("<html") != std::string::npos);
}

struct Known {
  std::string_view magic;
  std::string_view what;
};

constexpr std::array<Known, 6> kKnown{{
    {"version https://git-lfs.github.com/spec/",
     "is a Git LFS pointer, not the file itself: fetch that with \"git lfs pull\" or download it"},
    {"\x1F\x8B", "is a gzip archive: unpack it first"},
    {"7z\xBC\xAF\x27\x1C", "is a 7-Zip archive: unpack it first"},
    {"GGUF", "is a GGUF file; safetensors and PyTorch files are read"},
    {"\x89HDF\r\n", "is an HDF5 file; safetensors and PyTorch files are read"},
    {"\x93NUMPY", "is a NumPy array; safetensors and PyTorch files are read"},
}};

bool is_pickle(std::string_view head) {
  return head.size() >= 2 && head[0] == '\x80' && head[1] >= '\x01' && head[1] <= '\x05';
}

[[noreturn]] void refuse(const WeightFile& file, std::string_view what) {
  fail(Code::kCheckpointInvalid, file.path(), " ", what, ".");
}

}  // namespace

FileKind file_kind(const WeightFile& file) {
  if (file.size() == 0) refuse(file, "is empty: its download failed or has only begun");
  std::string head(std::min<uint64_t>(file.size(), kHead), '\0');
  file.read(0, std::as_writable_bytes(std::span(head)));
  if (head.starts_with("PK\x03\x04")) return FileKind::kZip;
  for (const auto& [magic, what] : kKnown) {
    if (head.starts_with(magic)) refuse(file, what);
  }
  if (is_web_page(head))
    refuse(file,
           "is a web page (HTML), not weights: the server answered with a page, such as one to "
           "log in on; download the file itself");
  if (is_pickle(head))
    refuse(file,
           "is a pickle without the ZIP archive around it, as PyTorch wrote before 1.6; save it "
           "again with torch.save of a later version, or as safetensors");
  if (head.find_first_not_of('\0') == std::string::npos)
    refuse(file, "begins with nothing but zeros: its download has not finished");
  const std::string_view text = text_of(head);
  // A safetensors file begins with the length of its header, whose upper bytes are zeros.
  if (text.starts_with("{") && head.find('\0') == std::string::npos)
    refuse(file, "is a JSON text, not weights");
  return FileKind::kSafetensors;
}

}  // namespace vmolmo
