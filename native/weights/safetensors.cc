#include "native/weights/safetensors.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <numeric>
#include <optional>
#include <string_view>

#include "native/weights/json.h"

namespace vmolmo {

namespace {

// The format's own limit.
constexpr uint64_t kMaxHeader = 100'000'000;

std::optional<DType> dtype_from(std::string_view name) {
  for (const DType dtype : {DType::kF32, DType::kBF16, DType::kF16, DType::kI8, DType::kU8,
                            DType::kI32, DType::kI64, DType::kBool}) {
    if (name == dtype_name(dtype)) return dtype;
  }
  return std::nullopt;
}

struct Entry {
  TensorInfo info;
  uint64_t begin = 0;
  uint64_t end = 0;
};

// One member of the header, with the checks that need no other tensor.
class EntryReader {
 public:
  EntryReader(const std::string& file, const std::string& name) : file_(file), name_(name) {}

  Entry read(const Json& value) const {
    check(value.is(Json::Kind::kObject), "is not described by an object");
    Entry entry;
    entry.info.name = name_;
    entry.info.file = file_;
    entry.info.dtype = read_dtype(value);
    entry.info.shape = read_shape(value);
    read_range(value, entry);
    return entry;
  }

 private:
  template <typename... Parts>
  void check(bool condition, Parts&&... parts) const {
    require(condition, Code::kCheckpointInvalid, file_, ": the tensor ", name_, " ",
            std::forward<Parts>(parts)..., ".");
  }

  DType read_dtype(const Json& value) const {
    const Json* dtype = value.find("dtype");
    check(dtype != nullptr && dtype->is(Json::Kind::kString), "has no dtype");
    const auto known = dtype_from(dtype->text);
    check(known.has_value(), "has the unknown or unsupported dtype \"", dtype->text, "\"");
    return *known;
  }

  Shape read_shape(const Json& value) const {
    const Json* dims = value.find("shape");
    check(dims != nullptr && dims->is(Json::Kind::kArray), "has no shape");
    check(dims->items.size() <= Shape::kMaxRank, "has ", dims->items.size(),
          " extents, but at most ", Shape::kMaxRank, " are supported");
    Shape shape;
    int64_t count = 1;
    for (const Json& dim : dims->items) {
      check(dim.is(Json::Kind::kInteger) && dim.integer >= 0, "has an extent that is no count");
      check(!__builtin_mul_overflow(count, std::max<int64_t>(dim.integer, 1), &count) &&
                count < (int64_t{1} << 56),
            "has a shape whose size overflows");
      shape.push_back(dim.integer);
    }
    return shape;
  }

  void read_range(const Json& value, Entry& entry) const {
    const Json* range = value.find("data_offsets");
    check(range != nullptr && range->is(Json::Kind::kArray) && range->items.size() == 2,
          "has no data_offsets of two numbers");
    for (const Json& bound : range->items) {
      check(bound.is(Json::Kind::kInteger) && bound.integer >= 0,
            "has a data offset that is no count");
    }
    check(range->items[0].integer <= range->items[1].integer, "ends at byte ",
          range->items[1].integer, ", before it begins at ", range->items[0].integer);
    entry.begin = static_cast<uint64_t>(range->items[0].integer);
    entry.end = static_cast<uint64_t>(range->items[1].integer);
    const uint64_t wanted =
        static_cast<uint64_t>(entry.info.shape.numel()) * dtype_size(entry.info.dtype);
    check(entry.end - entry.begin == wanted, "of dtype ", entry.info.dtype, " and shape ",
          entry.info.shape, " must have ", wanted, " bytes, but its offsets span ",
          entry.end - entry.begin);
  }

  const std::string& file_;
  const std::string& name_;
};

}  // namespace

SafetensorsFile::SafetensorsFile(const std::string& path) : file_(MappedFile::open(path)) {
  read_header();
  check_ranges();
}

void SafetensorsFile::read_header() {
  const auto bytes = file_->bytes();
  const std::string& path = file_->path();
  require(bytes.size() >= 8, Code::kCheckpointInvalid, path,
          " is no safetensors file: it must begin with a header length of 8 bytes, but has only ",
          bytes.size(), " bytes.");
  uint64_t length = 0;
  for (int i = 7; i >= 0; --i) length = length << 8 | static_cast<uint64_t>(bytes[i]);
  require(length <= kMaxHeader, Code::kCheckpointInvalid, path,
          " is no safetensors file: its header would be ", length, " bytes long; at most ",
          kMaxHeader, " are allowed.");
  require(length <= bytes.size() - 8, Code::kCheckpointInvalid, path,
          " is truncated: its header must have ", length, " bytes, but only ", bytes.size() - 8,
          " follow.");
  data_begin_ = 8 + length;
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()) + 8, length);
  const Json header = parse_json(text, path);
  require(header.is(Json::Kind::kObject), Code::kCheckpointInvalid, path,
          ": the header must be a JSON object.");
  for (const auto& [name, value] : header.members) {
    if (name == "__metadata__") continue;
    Entry entry = EntryReader(path, name).read(value);
    index_[name] = tensors_.size();
    tensors_.push_back(std::move(entry.info));
    offsets_.push_back(entry.begin);
  }
}

void SafetensorsFile::check_ranges() const {
  const std::string& path = file_->path();
  const uint64_t data_size = file_->bytes().size() - data_begin_;
  std::vector<size_t> order(tensors_.size());
  std::iota(order.begin(), order.end(), size_t{0});
  const auto size_of = [this](size_t i) {
    return static_cast<uint64_t>(tensors_[i].shape.numel()) * dtype_size(tensors_[i].dtype);
  };
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return offsets_[a] != offsets_[b] ? offsets_[a] < offsets_[b] : size_of(a) < size_of(b);
  });
  uint64_t end = 0;
  for (const size_t i : order) {
    const std::string& name = tensors_[i].name;
    const uint64_t begin = offsets_[i];
    require(begin >= end, Code::kCheckpointInvalid, path, ": the tensor ", name, " begins at byte ",
            begin, ", inside another tensor that ends at ", end, ".");
    require(begin == end, Code::kCheckpointInvalid, path, ": the tensor ", name, " begins at byte ",
            begin, ", but the tensor before it ends at ", end,
            "; the bytes between belong to no tensor.");
    end = begin + size_of(i);
    require(end <= data_size, Code::kCheckpointInvalid, path, " is truncated: the tensor ", name,
            " must end at byte ", end, " of the data, but there are only ", data_size, ".");
  }
  require(end == data_size, Code::kCheckpointInvalid, path, " has ", data_size - end,
          " bytes after its last tensor that belong to none.");
}

const TensorInfo& SafetensorsFile::info(const std::string& name) const {
  const auto found = index_.find(name);
  require(found != index_.end(), Code::kCheckpointInvalid, file_->path(), " has no tensor ", name,
          ".");
  return tensors_[found->second];
}

Tensor SafetensorsFile::tensor(const std::string& name) const {
  const TensorInfo& entry = info(name);
  const std::byte* data = file_->bytes().data() + data_begin_ + offsets_[index_.find(name)->second];
  const size_t element = dtype_size(entry.dtype);
  if (reinterpret_cast<uintptr_t>(data) % element == 0) {
    return Tensor::borrow(data, entry.shape, entry.dtype,
                          std::const_pointer_cast<MappedFile>(file_));
  }
  Tensor copy = Tensor::empty(cpu_heap(), entry.shape, entry.dtype);
  std::memcpy(copy.raw(), data, copy.bytes());
  return copy;
}

// --- one file or a folder of shards
// ------------------------------------------------------------------

namespace {

namespace fs = std::filesystem;

class SafetensorsSource : public WeightSource {
 public:
  explicit SafetensorsSource(const std::vector<std::string>& paths) {
    for (const std::string& path : paths) add(path);
  }

  bool has(const std::string& name) const override { return file_of_.contains(name); }

  std::vector<TensorInfo> list() const override {
    std::vector<TensorInfo> all;
    for (const auto& file : files_) {
      all.insert(all.end(), file->tensors().begin(), file->tensors().end());
    }
    return all;
  }

  Tensor get(const std::string& name, const Shape& shape) override {
    const auto found = file_of_.find(name);
    require(found != file_of_.end(), Code::kCheckpointInvalid, "The checkpoint has no tensor ",
            name, " (expected with shape ", shape, ").");
    const TensorInfo& info = found->second->info(name);
    require(info.shape == shape, Code::kCheckpointInvalid, info.file, ": the tensor ", name,
            " must have the shape ", shape, " by the model's configuration, but has ", info.shape,
            ".");
    return found->second->tensor(name);
  }

 private:
  void add(const std::string& path) {
    auto file = std::make_unique<SafetensorsFile>(path);
    for (const TensorInfo& tensor : file->tensors()) {
      const auto [earlier, added] = file_of_.emplace(tensor.name, file.get());
      require(added, Code::kCheckpointInvalid, "The tensor ", tensor.name,
              " lies in two shards, one of them ", path, ".");
    }
    files_.push_back(std::move(file));
  }

  std::vector<std::unique_ptr<SafetensorsFile>> files_;
  std::map<std::string, const SafetensorsFile*> file_of_;
};

// The shards that an index names, each once, in order of name; every tensor checked to be where the
// index says.
std::shared_ptr<WeightSource> open_sharded(const fs::path& folder, const fs::path& index) {
  const auto file = MappedFile::open(index.string());
  const auto bytes = file->bytes();
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  const Json root = parse_json(text, index.string());
  const Json* map = root.find("weight_map");
  require(map != nullptr && map->is(Json::Kind::kObject) && !map->members.empty(),
          Code::kCheckpointInvalid, index.string(), " must have an object \"weight_map\".");
  std::map<std::string, std::vector<std::string>> tensors_of;
  for (const auto& [name, shard] : map->members) {
    require(shard.is(Json::Kind::kString) && !shard.text.empty() &&
                fs::path(shard.text).filename() == fs::path(shard.text),
            Code::kCheckpointInvalid, index.string(), " must name a file of its own folder for ",
            name, ".");
    tensors_of[shard.text].push_back(name);
  }
  std::vector<std::string> paths;
  for (const auto& [shard, names] : tensors_of) {
    const fs::path path = folder / shard;
    require(fs::exists(path), Code::kCheckpointInvalid, "The shard ", path.string(), ", named by ",
            index.string(), ", is missing.");
    paths.push_back(path.string());
  }
  auto source = std::make_shared<SafetensorsSource>(paths);
  for (const auto& [name, shard] : map->members) {
    require(source->has(name), Code::kCheckpointInvalid, "The shard ",
            (folder / shard.text).string(), " must hold the tensor ", name,
            " by the index, but does not.");
  }
  return source;
}

}  // namespace

std::shared_ptr<WeightSource> open_safetensors(const std::string& path) {
  std::error_code ignored;
  if (!fs::is_directory(path, ignored)) {
    return std::make_shared<SafetensorsSource>(std::vector<std::string>{path});
  }
  const fs::path folder(path);
  const fs::path single = folder / "model.safetensors";
  const fs::path index = folder / "model.safetensors.index.json";
  if (fs::exists(index, ignored)) return open_sharded(folder, index);
  require(fs::exists(single, ignored), Code::kModelNotFound, path,
          " must hold model.safetensors or model.safetensors.index.json, but holds neither.");
  return std::make_shared<SafetensorsSource>(std::vector<std::string>{single.string()});
}

}  // namespace vmolmo
