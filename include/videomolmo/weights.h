#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "videomolmo/cancel.h"
#include "videomolmo/tensor.h"

// Where a model's tensors come from.

namespace vmolmo {

// One tensor of a checkpoint.
struct TensorInfo {
  std::string name;
  DType dtype = DType::kF32;
  Shape shape;
  std::string file;  // the shard it lies in; empty for generated weights
};

// The files of a checkpoint, generated hash weights, or what a program brings itself.
class WeightSource {
 public:
  virtual ~WeightSource() = default;
  virtual bool has(const std::string& name) const = 0;
  virtual std::vector<TensorInfo> list() const = 0;
  // The tensor as stored (a view where possible). `shape` is what the model expects; a generated
  // source makes the tensor from it, a file source checks it. Throws CHECKPOINT_INVALID naming the
  // tensor.
  virtual Tensor get(const std::string& name, const Shape& shape) = 0;
  // Throws CHECKPOINT_INVALID when a file was cut or became unreadable while its tensors were in
  // use: what was computed since the last check does not count.
  virtual void check_intact() const {}
};

// How the bytes of weight files are got at: mapped, so that loading copies nothing and processes
// share pages, or read into memory of the model's own. kAuto maps what lies on a local file system.
enum class FileAccess : uint8_t { kAuto, kMap, kRead };

// One file of weights (safetensors, or PyTorch's .pt, .pth and .bin), or a folder with
// model.safetensors or pytorch_model.bin, the index of one of them with its shards, or one .pt
// file. Everything that describes a tensor is validated before use. Throws MODEL_NOT_FOUND,
// CHECKPOINT_INVALID.
std::shared_ptr<WeightSource> open_weights(const std::string& path,
                                           FileAccess access = FileAccess::kAuto);

// True where the file lies on a file system that reaches over a network or into another process
// (NFS, SMB, FUSE, 9P and the like), whose pages can stop being readable at any time.
bool is_remote(const std::string& path);

// value * mul + add, in float64, applied to a generated tensor.
struct HashAdjustment {
  double mul = 1.0;
  double add = 0.0;
};

// Generated weights for golden sets and benchmarks: element i of a tensor comes from the FNV-1a
// hash of its name and i. With u uniform in [-1, 1): matrices and kernels are u * sqrt(3 / fan_in),
// vectors whose name ends in "weight" or "gamma" 1 + 0.1 u, other vectors 0.1 u. With kBF16 every
// value is rounded, as a checkpoint in bf16 holds it.
std::shared_ptr<WeightSource> hash_weights(std::map<std::string, HashAdjustment> adjustments = {},
                                           DType dtype = DType::kF32);

// A model's results are NaN or infinite. Whoever holds its weights says which of them is at fault.
class NonFinite : public Error {
 public:
  // `what` names the results: "the answer's logits".
  explicit NonFinite(const std::string& what);
};

// Why a model's results are not finite: the first tensor of its weights that is not, or that all
// of them are. Reads the weights through.
std::string explain_non_finite(WeightSource& weights);

struct SaveOptions {
  // What floating tensors become, F32 or BF16; as they are when absent. Others never change.
  std::optional<DType> dtype;
  // Most bytes of tensors in one file; 0: one file. A tensor that is larger has a file of its own.
  uint64_t shard_bytes = 0;
  std::shared_ptr<const CancelFlag> cancel;
};

// Writes a source's tensors as safetensors: into `path` itself where that ends in ".safetensors",
// else into the folder `path`, as model.safetensors or as shards with their index. A file appears
// under its name when it is complete. A few MiB are held beside what the source holds of one
// tensor. Gives the paths written.
//
// Throws INVALID_ARGUMENT where the disk is full or cannot be written, CHECKPOINT_INVALID where
// values to be rounded are not finite or the source is damaged, ABORTED.
std::vector<std::string> save_weights(WeightSource& source, const std::string& path,
                                      const SaveOptions& options);

}  // namespace vmolmo
