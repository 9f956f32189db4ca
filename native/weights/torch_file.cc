#include "native/weights/torch_file.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>
#include <unordered_map>

#include "native/weights/pickle.h"
#include "native/weights/zip_archive.h"

namespace vmolmo {

namespace {

using Kind = PickleValue::Kind;
using Stored = TorchView::Stored;

constexpr uint64_t kMaxPickle = 64 << 20;
constexpr uint64_t kMaxByteOrder = 16;

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

void copy_element(const std::byte* from, std::byte* to, const TorchView& view) {
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
  const std::vector<std::string_view> globals = torch_globals();
  const Pickle pickle(bytes, globals, file.path());
  const TorchContainer container{file, archive, pickle, root};

  // A shape may repeat one element without end; what all tensors take must stay near what is there.
  const uint64_t most = 4 * file.size() + (16 << 20);
  uint64_t total = 0;
  std::unordered_map<std::string, size_t> index;
  const PickleValue& tensors = state_dict(pickle, file.path());
  for (size_t i = 0; i + 1 < tensors.items.size(); i += 2) {
    const PickleValue& key = pickle.at(tensors.items[i]);
    if (!key.is(Kind::kText)) continue;
    auto found = read_torch_tensor(container, key.text, pickle.at(tensors.items[i + 1]));
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
  const TorchView& view = views_[index];
  const Shape& shape = info.shape;
  if (shape.numel() == 0) return Tensor::empty(cpu_heap(), shape, info.dtype);
  if (view.stored == Stored::kAsIs && is_row_major(shape, view.strides))
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
