// A checkpoint's files as one source of tensors.

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>
#include <string_view>
#include <unordered_map>

#include "native/weights/file_kind.h"
#include "native/weights/json.h"
#include "native/weights/safetensors.h"
#include "native/weights/torch_file.h"

namespace vmolmo {

std::unique_ptr<TensorFile> open_tensor_file(const std::string& path, FileAccess access) {
  auto file = WeightFile::open(path, access);
  if (file_kind(*file) == FileKind::kZip) return std::make_unique<TorchFile>(std::move(file));
  return std::make_unique<SafetensorsFile>(std::move(file));
}

namespace {

namespace fs = std::filesystem;

constexpr uint64_t kMaxIndex = 100'000'000;

// The shard of every tensor by the checkpoint's index; empty for a checkpoint of one file.
using ShardOf = std::unordered_map<std::string, std::string>;

class FileSource : public WeightSource {
 public:
  FileSource(const std::vector<std::string>& paths, const ShardOf& shard_of, FileAccess access) {
    for (const std::string& path : paths) add(open_tensor_file(path, access), shard_of);
  }

  bool has(const std::string& name) const override { return places_.contains(name); }
  std::vector<TensorInfo> list() const override { return list_; }

  Tensor get(const std::string& name, const Shape& shape) override {
    const auto found = places_.find(name);
    require(found != places_.end(), Code::kCheckpointInvalid, "The checkpoint has no tensor ", name,
            " (expected with shape ", shape, ").");
    const auto& [file, index] = found->second;
    const TensorInfo& info = file->tensors()[index];
    require(info.shape == shape, Code::kCheckpointInvalid, info.file, ": the tensor ", name,
            " must have the shape ", shape, " by the model's configuration, but has ", info.shape,
            ".");
    return file->tensor(index);
  }

  void check_intact() const override {
    for (const auto& file : files_) file->file().check_intact();
  }

 private:
  void add(std::unique_ptr<TensorFile> file, const ShardOf& shard_of) {
    const std::string& path = file->file().path();
    for (size_t i = 0; i < file->tensors().size(); ++i) {
      const TensorInfo& tensor = file->tensors()[i];
      // A copy in another shard than the index names is not part of the checkpoint.
      const auto shard = shard_of.find(tensor.name);
      if (shard != shard_of.end() && shard->second != path) continue;
      const bool added = places_.try_emplace(tensor.name, file.get(), i).second;
      require(added, Code::kCheckpointInvalid, "The tensor ", tensor.name,
              " lies in two shards, one of them ", path, ", and the index names neither.");
      list_.push_back(tensor);
    }
    files_.push_back(std::move(file));
  }

  std::vector<std::unique_ptr<TensorFile>> files_;
  std::unordered_map<std::string, std::pair<const TensorFile*, size_t>> places_;
  std::vector<TensorInfo> list_;
};

bool is_there(const fs::path& path) {
  std::error_code error;
  return fs::exists(path, error);
}

// The shards that an index names, each once, in order of name; every tensor checked to be where the
// index says.
std::shared_ptr<WeightSource> open_sharded(const fs::path& folder, const fs::path& index,
                                           FileAccess access) {
  const auto file = WeightFile::open(index.string(), FileAccess::kRead);
  require(file->size() <= kMaxIndex, Code::kCheckpointInvalid, index.string(), " has ",
          file->size(), " bytes; an index has at most ", kMaxIndex, ".");
  std::string text(file->size(), '\0');
  file->read(0, std::as_writable_bytes(std::span(text)));
  const Json root = parse_json(text, index.string());
  const Json* map = root.find("weight_map");
  require(map != nullptr && map->is(Json::Kind::kObject) && !map->members.empty(),
          Code::kCheckpointInvalid, index.string(), " must have an object \"weight_map\".");
  ShardOf shard_of;
  std::set<std::string> shards;
  for (const auto& [name, shard] : map->members) {
    require(shard.is(Json::Kind::kString) && !shard.text.empty() &&
                fs::path(shard.text).filename() == fs::path(shard.text),
            Code::kCheckpointInvalid, index.string(), " must name a file of its own folder for ",
            name, ".");
    const std::string path = (folder / shard.text).string();
    const bool is_new = shards.insert(path).second;
    require(!is_new || is_there(path), Code::kCheckpointInvalid, "The shard ", path, ", named by ",
            index.string(), ", is missing.");
    shard_of.emplace(name, path);
  }
  auto source =
      std::make_shared<FileSource>(std::vector(shards.begin(), shards.end()), shard_of, access);
  for (const auto& [name, path] : shard_of) {
    require(source->has(name), Code::kCheckpointInvalid, "The shard ", path,
            " must hold the tensor ", name, " by the index, but does not.");
  }
  return source;
}

bool is_torch_name(const fs::path& name) {
  const std::string end = name.extension().string();
  return end == ".pt" || end == ".pth";
}

// What a folder without the usual names holds: one file of PyTorch as the authors of a model hand
// it out.
std::string only_torch_file(const fs::path& folder) {
  std::vector<std::string> found;
  std::vector<std::string> unfinished;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    const fs::path& path = entry.path();
    if (is_torch_name(path)) found.push_back(path.string());
    const std::string end = path.extension().string();
    for (const std::string_view part : {".part", ".incomplete", ".crdownload", ".download"})
      if (end == part) unfinished.push_back(path.string());
  }
  std::ranges::sort(found);
  require(unfinished.empty() || !found.empty(), Code::kModelNotFound, folder.string(),
          " holds no weights yet: ", unfinished.empty() ? "" : unfinished.front(),
          " is still being downloaded, or its download was given up.");
  require(!found.empty(), Code::kModelNotFound, folder.string(),
          " must hold model.safetensors, model.safetensors.index.json, pytorch_model.bin or a .pt "
          "file, but holds none of them.");
  require(found.size() == 1, Code::kCheckpointInvalid, folder.string(), " holds ", found.size(),
          " .pt files, ", found[0], " and others; name the one that is meant.");
  return found[0];
}

}  // namespace

std::shared_ptr<WeightSource> open_weights(const std::string& path, FileAccess access) {
  std::error_code ignored;
  const auto single = [&](const std::string& file) {
    return std::make_shared<FileSource>(std::vector<std::string>{file}, ShardOf(), access);
  };
  if (!fs::is_directory(path, ignored)) return single(path);
  const fs::path folder(path);
  for (const std::string_view stem : {"model.safetensors", "pytorch_model.bin"}) {
    const fs::path file = folder / stem;
    const fs::path index = file.string() + ".index.json";
    if (is_there(index)) return open_sharded(folder, index, access);
    if (is_there(file)) return single(file.string());
  }
  return single(only_torch_file(folder));
}

}  // namespace vmolmo
