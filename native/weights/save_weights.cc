#include "videomolmo/weights.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <iomanip>
#include <span>

#include "native/tensor/bf16.h"
#include "native/weights/finite.h"

namespace vmolmo {

namespace {

namespace fs = std::filesystem;

constexpr int64_t kChunk = 1 << 20;  // elements that are converted and written at a time

bool is_floating(DType dtype) {
  return dtype == DType::kF32 || dtype == DType::kBF16 || dtype == DType::kF16;
}

DType dtype_of_output(const TensorInfo& info, const SaveOptions& options) {
  return options.dtype && is_floating(info.dtype) ? *options.dtype : info.dtype;
}

uint64_t bytes_of(const TensorInfo& info, const SaveOptions& options) {
  return static_cast<uint64_t>(info.shape.numel()) * dtype_size(dtype_of_output(info, options));
}

std::string json_text(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      char escape[8];
      std::snprintf(escape, sizeof escape, "\\u%04x", static_cast<unsigned>(c));
      out += escape;
    } else {
      out += c;
    }
  }
  return out + "\"";
}

// A file that is written under another name and gets its own when it is complete; taken away when
// it does not get so far.
class NewFile {
 public:
  explicit NewFile(std::string path) : path_(std::move(path)), temporary_(path_ + ".incomplete") {
    fd_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    check(fd_ >= 0);
  }
  ~NewFile() {
    if (fd_ < 0) return;
    ::close(fd_);
    ::unlink(temporary_.c_str());
  }
  NewFile(const NewFile&) = delete;
  NewFile& operator=(const NewFile&) = delete;

  void write(std::span<const std::byte> bytes) {
    constexpr size_t kMost = size_t{1} << 30;
    while (!bytes.empty()) {
      const ssize_t written = ::write(fd_, bytes.data(), std::min(bytes.size(), kMost));
      if (written < 0 && errno == EINTR) continue;
      check(written >= 0);
      bytes = bytes.subspan(static_cast<size_t>(written));
    }
  }

  void finish() {
    check(::close(std::exchange(fd_, -1)) == 0);
    check(std::rename(temporary_.c_str(), path_.c_str()) == 0);
  }

 private:
  void check(bool condition) const {
    require(condition, Code::kInvalidArgument, "Cannot write ", path_, ": ", std::strerror(errno),
            ".");
  }

  std::string path_;
  std::string temporary_;
  int fd_ = -1;
};

struct Shard {
  std::vector<TensorInfo> tensors;
  uint64_t bytes = 0;
};

std::vector<Shard> divide(const std::vector<TensorInfo>& tensors, const SaveOptions& options) {
  std::vector<Shard> shards(1);
  for (const TensorInfo& info : tensors) {
    const uint64_t bytes = bytes_of(info, options);
    const bool full = options.shard_bytes > 0 && !shards.back().tensors.empty() &&
                      shards.back().bytes + bytes > options.shard_bytes;
    if (full) shards.emplace_back();
    shards.back().tensors.push_back(info);
    shards.back().bytes += bytes;
  }
  // Wide elements first, so that every tensor is aligned and can be mapped as it lies.
  for (Shard& shard : shards) {
    std::ranges::stable_sort(shard.tensors, std::greater(), [&](const TensorInfo& info) {
      return dtype_size(dtype_of_output(info, options));
    });
  }
  return shards;
}

std::string header_of(const Shard& shard, const SaveOptions& options) {
  std::string header = R"({"__metadata__":{"format":"pt"})";
  uint64_t offset = 0;
  for (const TensorInfo& info : shard.tensors) {
    std::string shape;
    for (const int64_t dim : info.shape.dims()) {
      if (!shape.empty()) shape += ',';
      shape += std::to_string(dim);
    }
    const uint64_t end = offset + bytes_of(info, options);
    header += concat(",", json_text(info.name), ":{\"dtype\":\"", dtype_of_output(info, options),
                     "\",\"shape\":[", shape, "],\"data_offsets\":[", offset, ",", end, "]}");
    offset = end;
  }
  header += '}';
  header.resize((header.size() + 7) / 8 * 8, ' ');
  return header;
}

class Writer {
 public:
  Writer(WeightSource& source, const SaveOptions& options) : source_(source), options_(options) {}

  void write(const Shard& shard, const std::string& path) const {
    NewFile file(path);
    const std::string header = header_of(shard, options_);
    std::array<std::byte, 8> length;
    for (int i = 0; i < 8; ++i) length[i] = static_cast<std::byte>(header.size() >> (8 * i));
    file.write(length);
    file.write(std::as_bytes(std::span(header)));
    for (const TensorInfo& info : shard.tensors) write_tensor(info, file);
    source_.check_intact();
    file.finish();
  }

 private:
  void write_tensor(const TensorInfo& info, NewFile& file) const {
    const Tensor tensor = source_.get(info.name, info.shape);
    const DType dtype = dtype_of_output(info, options_);
    const Tensor flat = tensor.reshape({tensor.numel()});
    for (int64_t begin = 0; begin < flat.numel(); begin += kChunk) {
      if (options_.cancel) options_.cancel->check();
      const Tensor part = flat.slice(0, begin, std::min(begin + kChunk, flat.numel()));
      const Tensor converted = convert(part, dtype, info);
      file.write({converted.raw(), converted.bytes()});
    }
  }

  static Tensor convert(const Tensor& part, DType dtype, const TensorInfo& info) {
    if (part.dtype() == dtype) return part;
    const Tensor wide = part.to_f32(cpu_heap());
    require(all_finite(wide), Code::kCheckpointInvalid, info.file, ": the tensor ", info.name,
            " holds NaN or infinity; it is not converted.");
    if (dtype == DType::kF32) return wide;
    Tensor narrow = Tensor::empty(cpu_heap(), wide.shape(), DType::kBF16);
    round_to_bf16(wide.data<float>(), narrow.data<BFloat16>(), wide.numel());
    return narrow;
  }

  WeightSource& source_;
  const SaveOptions& options_;
};

std::string shard_name(size_t index, size_t count) {
  std::ostringstream name;
  name << "model-" << std::setfill('0') << std::setw(5) << index + 1 << "-of-" << std::setw(5)
       << count << ".safetensors";
  return name.str();
}

void write_index(const std::vector<Shard>& shards, const std::string& path) {
  uint64_t total = 0;
  std::string map;
  for (size_t i = 0; i < shards.size(); ++i) {
    total += shards[i].bytes;
    for (const TensorInfo& info : shards[i].tensors)
      map += concat(map.empty() ? "" : ",", "\n    ", json_text(info.name), ": \"",
                    shard_name(i, shards.size()), "\"");
  }
  const std::string text = concat("{\n  \"metadata\": {\"total_size\": ", total,
                                  "},\n  \"weight_map\": {", map, "\n  }\n}\n");
  NewFile file(path);
  file.write(std::as_bytes(std::span(text)));
  file.finish();
}

}  // namespace

std::vector<std::string> save_weights(WeightSource& source, const std::string& path,
                                      const SaveOptions& options) {
  require(!options.dtype || *options.dtype == DType::kF32 || *options.dtype == DType::kBF16,
          Code::kInvalidArgument, "Weights are converted to F32 or BF16, not to ", *options.dtype,
          ".");
  const std::vector<Shard> shards = divide(source.list(), options);
  const Writer writer(source, options);
  const fs::path folder(path);
  if (path.ends_with(".safetensors")) {
    require(shards.size() == 1, Code::kInvalidArgument, path,
            " is one file, but the shards need a folder; name one.");
    writer.write(shards[0], path);
    return {path};
  }
  std::vector<std::string> written;
  for (size_t i = 0; i < shards.size(); ++i) {
    const std::string name =
        shards.size() == 1 ? "model.safetensors" : shard_name(i, shards.size());
    written.push_back((folder / name).string());
    writer.write(shards[i], written.back());
  }
  if (shards.size() > 1) {
    written.push_back((folder / "model.safetensors.index.json").string());
    write_index(shards, written.back());
  }
  return written;
}

}  // namespace vmolmo
