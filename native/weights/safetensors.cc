#include "native/weights/safetensors.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <optional>
#include <span>
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

SafetensorsFile::SafetensorsFile(std::shared_ptr<const WeightFile> file)
    : TensorFile(std::move(file)) {
  read_header();
  check_ranges();
}

void SafetensorsFile::read_header() {
  const uint64_t size = file_->size();
  const std::string& path = file_->path();
  require(size >= 8, Code::kCheckpointInvalid, path,
          " is no safetensors file: it must begin with a header length of 8 bytes, but has only ",
          size, " bytes.");
  std::array<std::byte, 8> prefix;
  file_->read(0, prefix);
  uint64_t length = 0;
  for (int i = 7; i >= 0; --i) length = length << 8 | static_cast<uint64_t>(prefix[i]);
  require(length <= kMaxHeader, Code::kCheckpointInvalid, path,
          " is no safetensors file: its header would be ", length, " bytes long; at most ",
          kMaxHeader, " are allowed.");
  require(length <= size - 8, Code::kCheckpointInvalid, path,
          " is truncated: its header must have ", length, " bytes, but only ", size - 8,
          " follow; its download was cut off or has not finished.");
  data_begin_ = 8 + length;
  std::string text(length, '\0');
  file_->read(8, std::as_writable_bytes(std::span(text)));
  const Json header = parse_json(text, path);
  require(header.is(Json::Kind::kObject), Code::kCheckpointInvalid, path,
          ": the header must be a JSON object.");
  for (const auto& [name, value] : header.members) {
    if (name == "__metadata__") continue;
    Entry entry = EntryReader(path, name).read(value);
    tensors_.push_back(std::move(entry.info));
    offsets_.push_back(entry.begin);
  }
}

void SafetensorsFile::check_ranges() const {
  const std::string& path = file_->path();
  const uint64_t data_size = file_->size() - data_begin_;
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
            " must end at byte ", end, " of the data, but there are only ", data_size,
            "; its download was cut off or has not finished.");
  }
  require(end == data_size, Code::kCheckpointInvalid, path, " has ", data_size - end,
          " bytes after its last tensor that belong to none.");
}

Tensor SafetensorsFile::tensor(size_t index) const {
  const TensorInfo& info = tensors_[index];
  return file_->tensor(data_begin_ + offsets_[index], info.shape, info.dtype);
}

}  // namespace vmolmo
