#include "native/weights/torch_file.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>
#include <unordered_map>

#include "native/weights/pickle.h"
#include "native/weights/zip_archive.h"

namespace vmolmo {

namespace {

using Kind = PickleValue::Kind;
using Stored = TorchFile::View::Stored;

constexpr std::string_view kTensor = "torch._utils _rebuild_tensor_v2";
constexpr std::string_view kParameter = "torch._utils _rebuild_parameter";
constexpr uint64_t kMaxPickle = 64 << 20;
constexpr uint64_t kMaxByteOrder = 16;

struct StorageType {
  std::string_view name;
  DType dtype;
  uint8_t element;
  Stored stored;
};

constexpr std::array<StorageType, 10> kStorages{{
    {"torch FloatStorage", DType::kF32, 4, Stored::kAsIs},
    {"torch DoubleStorage", DType::kF32, 8, Stored::kF64},
    {"torch HalfStorage", DType::kF16, 2, Stored::kAsIs},
    {"torch BFloat16Storage", DType::kBF16, 2, Stored::kAsIs},
    {"torch LongStorage", DType::kI64, 8, Stored::kAsIs},
    {"torch IntStorage", DType::kI32, 4, Stored::kAsIs},
    {"torch ShortStorage", DType::kI32, 2, Stored::kI16},
    {"torch CharStorage", DType::kI8, 1, Stored::kAsIs},
    {"torch ByteStorage", DType::kU8, 1, Stored::kAsIs},
    {"torch BoolStorage", DType::kBool, 1, Stored::kAsIs},
}};

std::vector<std::string_view> known_globals() {
  std::vector<std::string_view> names{"collections OrderedDict", kTensor, kParameter};
  for (const StorageType& type : kStorages) names.push_back(type.name);
  return names;
}

// The archive's one folder, which may have any name.
std::string root_of(const WeightFile& file, const ZipArchive& archive) {
  constexpr std::string_view kPickle = "/data.pkl";
  for (const auto& [name, entry] : archive.entries()) {
    if (name.ends_with(kPickle) && name.find('/') == name.size() - kPickle.size())
      return name.substr(0, name.size() - kPickle.size() + 1);
  }
  fail(Code::kCheckpointInvalid, file.path(),
       " is a ZIP archive, but none of torch.save: it has no data.pkl; unpack it first.");
}

std::vector<std::byte> read_entry(const WeightFile& file, const ZipArchive::Entry& entry,
                                  uint64_t most, std::string_view what) {
  require(entry.size <= most, Code::kCheckpointInvalid, file.path(), ": its ", what, " would have ",
          entry.size, " bytes; at most ", most, " are read.");
  std::vector<std::byte> bytes(entry.size);
  file.read(entry.offset, bytes);
  return bytes;
}

void check_byte_order(const WeightFile& file, const ZipArchive& archive, const std::string& root) {
  const auto found = archive.entries().find(root + "byteorder");
  if (found == archive.entries().end()) return;
  const auto bytes = read_entry(file, found->second, kMaxByteOrder, "byte order");
  const std::string_view order(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  require(order.starts_with("little"), Code::kCheckpointInvalid, file.path(),
          " was written in the byte order \"", order, "\"; only little-endian files are read.");
}

// Makes one tensor's description and view out of what the pickle says about it.
class TensorReader {
 public:
  TensorReader(const WeightFile& file, const ZipArchive& archive, const Pickle& pickle,
               std::string root)
      : file_(file), archive_(archive), pickle_(pickle), root_(std::move(root)) {}

  // Nothing where the value is no tensor.
  std::optional<std::pair<TensorInfo, TorchFile::View>> read(const std::string& name,
                                                             const PickleValue& value) {
    name_ = name;
    const PickleValue* call = &value;
    if (is_call(*call, kParameter)) {
      const PickleValue& arguments = pickle_.at(call->items[1]);
      check(!arguments.items.empty(), "is a parameter of nothing");
      call = &pickle_.at(arguments.items[0]);
    }
    if (!is_call(*call, kTensor)) return {};
    const PickleValue& arguments = pickle_.at(call->items[1]);
    check(arguments.items.size() == 6 || arguments.items.size() == 7,
          "is not described as torch.save does");
    return view_of(arguments);
  }

 private:
  template <typename... Parts>
  void check(bool condition, Parts&&... parts) const {
    require(condition, Code::kCheckpointInvalid, file_.path(), ": the tensor ", name_, " ",
            std::forward<Parts>(parts)..., ".");
  }

  bool is_call(const PickleValue& value, std::string_view name) const {
    return value.is(Kind::kCall) && pickle_.at(value.items[0]).text == name;
  }

  int64_t count(const PickleValue& value, std::string_view what) const {
    check(value.is(Kind::kInteger) && value.integer >= 0, "has ", what, " that is no count");
    return value.integer;
  }

  std::vector<int64_t> counts(const PickleValue& value, std::string_view what) const {
    check(value.is(Kind::kTuple), "has no list for ", what);
    check(value.items.size() <= Shape::kMaxRank, "has ", value.items.size(),
          " extents, but at most ", Shape::kMaxRank, " are supported");
    std::vector<int64_t> numbers;
    for (const uint32_t item : value.items) numbers.push_back(count(pickle_.at(item), what));
    return numbers;
  }

  struct Storage {
    const StorageType* type;
    ZipArchive::Entry entry;
    int64_t elements;
  };

  Storage storage_of(const PickleValue& value) const {
    check(value.is(Kind::kPersistent), "has no storage");
    const PickleValue& id = pickle_.at(value.items[0]);
    check(id.is(Kind::kTuple) && id.items.size() == 5 && pickle_.at(id.items[0]).text == "storage",
          "has a storage that is not described as torch.save does");
    const std::string& type = pickle_.at(id.items[1]).text;
    const auto known =
        std::ranges::find_if(kStorages, [&](const StorageType& one) { return one.name == type; });
    check(known != kStorages.end(), "has a storage of the unknown type \"", type, "\"");
    const PickleValue& key = pickle_.at(id.items[2]);
    check(key.is(Kind::kText) && !key.text.empty() &&
              std::ranges::all_of(key.text, [](char c) { return c >= '0' && c <= '9'; }),
          "has a storage whose key is no number");
    const auto entry = archive_.entries().find(root_ + "data/" + key.text);
    check(entry != archive_.entries().end(), "lies in the storage ", key.text,
          ", which the file does not hold");
    const int64_t elements = count(pickle_.at(id.items[4]), "a storage");
    const uint64_t size = entry->second.size;
    check(size % known->element == 0 && size / known->element == static_cast<uint64_t>(elements),
          "lies in the storage ", key.text, ", which must have ", elements, " elements of ",
          int{known->element}, " bytes, but has ", size, " bytes");
    return {known, entry->second, elements};
  }

  std::pair<TensorInfo, TorchFile::View> view_of(const PickleValue& arguments) const {
    const Storage storage = storage_of(pickle_.at(arguments.items[0]));
    const int64_t offset = count(pickle_.at(arguments.items[1]), "an offset");
    const std::vector<int64_t> sizes = counts(pickle_.at(arguments.items[2]), "an extent");
    std::vector<int64_t> strides = counts(pickle_.at(arguments.items[3]), "a stride");
    check(sizes.size() == strides.size(), "has ", sizes.size(), " extents, but ", strides.size(),
          " strides");
    check_inside(sizes, strides, offset, storage.elements);
    TensorInfo info;
    info.name = name_;
    info.file = file_.path();
    info.dtype = storage.type->dtype;
    info.shape = Shape(std::span<const int64_t>(sizes));
    return {info,
            {storage.entry.offset + static_cast<uint64_t>(offset) * storage.type->element,
             std::move(strides), storage.type->element, storage.type->stored}};
  }

  void check_inside(const std::vector<int64_t>& sizes, const std::vector<int64_t>& strides,
                    int64_t offset, int64_t elements) const {
    int64_t total = 1, last = offset;
    bool overflows = false;
    for (size_t i = 0; i < sizes.size(); ++i) {
      overflows |= __builtin_mul_overflow(total, std::max<int64_t>(sizes[i], 1), &total) ||
                   total >= (int64_t{1} << 56);
      int64_t step = 0;
      overflows |= __builtin_mul_overflow(std::max<int64_t>(sizes[i] - 1, 0), strides[i], &step) ||
                   __builtin_add_overflow(last, step, &last);
    }
    check(!overflows, "has a shape whose size overflows");
    const bool empty = std::ranges::find(sizes, 0) != sizes.end();
    check(empty ? offset <= elements : last < elements, "reaches to element ", last,
          " of a storage of ", elements);
  }

  const WeightFile& file_;
  const ZipArchive& archive_;
  const Pickle& pickle_;
  std::string root_;
  std::string name_;
};

// The dictionary whose values are the tensors.
const PickleValue& state_dict(const Pickle& pickle, const std::string& path) {
  const PickleValue& root = pickle.root();
  require(root.is(Kind::kDict), Code::kCheckpointInvalid, path,
          " holds no dictionary of tensors, but something else.");
  for (const std::string_view key : {"model", "state_dict"}) {
    for (size_t i = 0; i + 1 < root.items.size(); i += 2) {
      const PickleValue& value = pickle.at(root.items[i + 1]);
      if (pickle.at(root.items[i]).text == key && value.is(Kind::kDict)) return value;
    }
  }
  return root;
}

bool is_row_major(const Shape& shape, const std::vector<int64_t>& strides) {
  int64_t expected = 1;
  for (int axis = shape.rank() - 1; axis >= 0; --axis) {
    if (shape[axis] != 1 && strides[axis] != expected) return false;
    expected *= shape[axis];
  }
  return true;
}

void copy_element(const std::byte* from, std::byte* to, const TorchFile::View& view) {
  if (view.stored == Stored::kF64) {
    double wide;
    std::memcpy(&wide, from, sizeof wide);
    const auto value = static_cast<float>(wide);
    std::memcpy(to, &value, sizeof value);
  } else if (view.stored == Stored::kI16) {
    int16_t narrow;
    std::memcpy(&narrow, from, sizeof narrow);
    const int32_t value = narrow;
    std::memcpy(to, &value, sizeof value);
  } else {
    std::memcpy(to, from, view.element);
  }
}

}  // namespace

TorchFile::TorchFile(std::shared_ptr<const WeightFile> given) : TensorFile(std::move(given)) {
  const WeightFile& file = *file_;
  const ZipArchive archive(file);
  const std::string root = root_of(file, archive);
  check_byte_order(file, archive, root);
  const auto bytes =
      read_entry(file, archive.entries().at(root + "data.pkl"), kMaxPickle, "pickle");
  const std::vector<std::string_view> globals = known_globals();
  const Pickle pickle(bytes, globals, file.path());
  TensorReader reader(file, archive, pickle, root);

  // A shape may repeat one element without end; what all tensors take must stay near what is there.
  const uint64_t most = 4 * file.size() + (16 << 20);
  uint64_t total = 0;
  std::unordered_map<std::string, size_t> index;
  const PickleValue& tensors = state_dict(pickle, file.path());
  for (size_t i = 0; i + 1 < tensors.items.size(); i += 2) {
    const PickleValue& key = pickle.at(tensors.items[i]);
    if (!key.is(Kind::kText)) continue;
    auto found = reader.read(key.text, pickle.at(tensors.items[i + 1]));
    if (!found) continue;
    auto& [info, view] = *found;
    const auto size =
        static_cast<unsigned __int128>(info.shape.numel()) * dtype_size(info.dtype) + total;
    require(size <= most, Code::kCheckpointInvalid, file.path(), ": up to ", info.name,
            " its tensors would take more than four times the file's ", file.size(), " bytes.");
    total = static_cast<uint64_t>(size);
    // As in a dictionary, the last value of a key counts.
    const auto [place, added] = index.emplace(info.name, tensors_.size());
    if (added) {
      tensors_.push_back(std::move(info));
      views_.push_back(std::move(view));
    } else {
      tensors_[place->second] = std::move(info);
      views_[place->second] = std::move(view);
    }
  }
  require(!tensors_.empty(), Code::kCheckpointInvalid, file.path(),
          " holds no tensors: expected a dictionary of them, or one under the key \"model\" or "
          "\"state_dict\".");
}

Tensor TorchFile::tensor(size_t index) const {
  const TensorInfo& info = tensors_[index];
  const View& view = views_[index];
  const Shape& shape = info.shape;
  if (shape.numel() == 0) return Tensor::empty(cpu_heap(), shape, info.dtype);
  if (view.stored == View::Stored::kAsIs && is_row_major(shape, view.strides))
    return file_->tensor(view.begin, shape, info.dtype);

  int64_t span = 1;
  for (int axis = 0; axis < shape.rank(); ++axis) span += (shape[axis] - 1) * view.strides[axis];
  std::vector<std::byte> stored(static_cast<size_t>(span) * view.element);
  file_->read(view.begin, stored);
  Tensor copy = Tensor::empty(cpu_heap(), shape, info.dtype);
  std::byte* to = copy.raw();
  std::array<int64_t, Shape::kMaxRank> at{};
  int64_t from = 0;
  for (int64_t i = 0, count = shape.numel(); i < count; ++i) {
    copy_element(stored.data() + from * view.element, to, view);
    to += dtype_size(info.dtype);
    for (int axis = shape.rank() - 1; axis >= 0; --axis) {
      from += view.strides[axis];
      if (++at[axis] < shape[axis]) break;
      from -= view.strides[axis] * shape[axis];
      at[axis] = 0;
    }
  }
  return copy;
}

}  // namespace vmolmo
