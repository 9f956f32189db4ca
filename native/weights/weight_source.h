#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "native/tensor/weight.h"
#include "videomolmo/call.h"
#include "videomolmo/cancel.h"
#include "videomolmo/tensor.h"

namespace vmolmo {

class ThreadPool;

struct TensorInfo {
  std::string name;
  DType dtype = DType::kF32;
  Shape shape;
  std::string file;  // the shard it lies in; empty for generated weights
};

// Where a model's tensors come from: the files of a checkpoint, or generated hash weights.
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

// The formats that a dtype gives the linear layers of a pointer, by what they belong to.
struct LayerFormats {
  Weight::Format vision = Weight::Format::kPlain;    // encoder, temporal module, pooling
  Weight::Format language = Weight::Format::kPlain;  // projector, decoder
  Weight::Format head = Weight::Format::kPlain;
  int64_t int4_group = 64;
};

LayerFormats layer_formats(WeightDType dtype, int64_t int4_group);

// Hands tensors to a model and keeps account: every tensor of the checkpoint is taken or dropped by
// name, or finish() fails naming the first one left over.
class WeightLoader {
 public:
  // `rename` maps the model's name of a tensor to the checkpoint's (identity when empty).
  WeightLoader(std::shared_ptr<WeightSource> source,
               std::function<std::string(const std::string&)> rename = {});

  bool has(const std::string& name) const;
  // Matrices keep the stored dtype (f32 or bf16) unless the loader was told to widen; see widen().
  Tensor matrix(const std::string& name, Shape shape);
  // A linear layer's matrix, quantised to `format`. kPlain: as matrix().
  Weight linear(const std::string& name, Shape shape, Weight::Format format);
  // Vectors, tables and convolution kernels that the ops want as f32 are widened on load.
  Tensor f32(const std::string& name, Shape shape);
  // The same, always in the CPU's memory, for values that the model's parts compute with at load.
  Tensor host_f32(const std::string& name, Shape shape);
  // A computed constant in the memory that the model's tensors are handed out in.
  Tensor place(const Tensor& tensor) const;
  // The same for an f32 matrix that was computed from the checkpoint's.
  Tensor place_matrix(const Tensor& matrix) const;
  Weight place(Weight weight) const;
  // Hands tensors out as copies in this memory (a GPU's). Null: as they are, on the CPU.
  void set_memory(Allocator* memory) { memory_ = memory; }
  // Marks a tensor as known and unused (ViT's last block, for instance).
  void drop(const std::string& name);
  // Matrices become f32 (exact path) when true. Default false.
  void widen(bool on) { widen_ = on; }
  // Everything is rounded to bf16 (nearest even) as a bf16 checkpoint has it, and matrices stay
  // bf16, when true. Default false.
  void narrow(bool on) { narrow_ = on; }
  // Matrices alone become bf16, whatever form the file has: for a GPU whose products round to it.
  // Default false.
  void narrow_matrices(bool on) { narrow_matrices_ = on; }
  // The formats that models ask linear() for, and the threads that make them.
  void set_formats(const LayerFormats& formats, ThreadPool& threads);
  const LayerFormats& formats() const { return formats_; }
  // Checked before every tensor, so that a long load can be stopped. May be null.
  void set_cancel(std::shared_ptr<const CancelFlag> cancel) { cancel_ = std::move(cancel); }
  void finish() const;

  // Bytes of tensors handed out so far.
  int64_t bytes() const { return bytes_; }
  // Their elements.
  int64_t parameters() const { return parameters_; }

 private:
  Tensor take(const std::string& name, const Shape& shape);
  // Throws CHECKPOINT_INVALID naming the tensor that was taken last.
  void check_finite(const Tensor& tensor) const;

  std::shared_ptr<WeightSource> source_;
  std::function<std::string(const std::string&)> rename_;
  std::shared_ptr<const CancelFlag> cancel_;
  std::vector<std::string> taken_;
  bool widen_ = false;
  bool narrow_ = false;
  bool narrow_matrices_ = false;
  LayerFormats formats_;
  ThreadPool* threads_ = nullptr;
  Allocator* memory_ = nullptr;
  int64_t bytes_ = 0;
  int64_t parameters_ = 0;
  int64_t freely_checked_ = 0;
};

// One file of weights (safetensors, or PyTorch's .pt, .pth and .bin), or a folder with
// model.safetensors or pytorch_model.bin, the index of one of them with its shards, or one .pt
// file. Everything that describes a tensor is validated before use.
std::shared_ptr<WeightSource> open_weights(const std::string& path,
                                           FileAccess access = FileAccess::kAuto);

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

}  // namespace vmolmo
