#include "native/weights/torch_tensor.h"

#include <algorithm>
#include <array>
#include <span>

namespace vmolmo {

namespace {

using Kind = PickleValue::Kind;
using Stored = TorchView::Stored;

constexpr std::string_view kTensor = "torch._utils _rebuild_tensor_v2";
constexpr std::string_view kParameter = "torch._utils _rebuild_parameter";

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

class TensorReader {
 public:
  TensorReader(const TorchContainer& container, const std::string& name)
      : file_(container.file),
        archive_(container.archive),
        pickle_(container.pickle),
        root_(container.root),
        name_(name) {}

  std::optional<std::pair<TensorInfo, TorchView>> read(const PickleValue& value) const {
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

  std::pair<TensorInfo, TorchView> view_of(const PickleValue& arguments) const {
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
  const std::string& root_;
  const std::string& name_;
};

}  // namespace

std::vector<std::string_view> torch_globals() {
  std::vector<std::string_view> names{"collections OrderedDict", kTensor, kParameter};
  for (const StorageType& type : kStorages) names.push_back(type.name);
  return names;
}

std::optional<std::pair<TensorInfo, TorchView>> read_torch_tensor(const TorchContainer& container,
                                                                  const std::string& name,
                                                                  const PickleValue& value) {
  return TensorReader(container, name).read(value);
}

}  // namespace vmolmo
