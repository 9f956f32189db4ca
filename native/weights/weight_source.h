#pragma once

#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "native/tensor/weight.h"
#include "native/weights/weight_policy.h"
#include "videomolmo/weights.h"

namespace vmolmo {

class ThreadPool;

// How a family names its tensors, and what each of them is.
struct TensorRules {
  LayerKinds kind;
  // From the model's name of a tensor to the checkpoint's; empty: they are the same.
  std::function<std::string(const std::string&)> rename = {};
  // The checkpoint with tensors that correspond to the model's one to one; empty: they do.
  std::shared_ptr<WeightSource> (*view)(std::shared_ptr<WeightSource>) = nullptr;
};

// Hands tensors to a model and keeps account: every tensor of the checkpoint is taken or dropped by
// name, or finish() fails naming the first one left over.
class WeightLoader {
 public:
  // `threads` rounds and quantises.
  WeightLoader(std::shared_ptr<WeightSource> source, TensorRules rules, const WeightPolicy& policy,
               ThreadPool& threads);

  bool has(const std::string& name) const;
  // A matrix that its kind keeps plain.
  Tensor matrix(const std::string& name, Shape shape);
  // A linear layer's matrix in the format of its kind.
  Weight linear(const std::string& name, Shape shape);
  // Vectors, tables and convolution kernels: in f32.
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
  // Marks a tensor as known and unused.
  void drop(const std::string& name);
  // Checked before every tensor, so that a long load can be stopped. May be null.
  void set_cancel(std::shared_ptr<const CancelFlag> cancel) { cancel_ = std::move(cancel); }
  void finish() const;

  // Bytes of tensors handed out so far.
  int64_t bytes() const { return bytes_; }
  // Their elements.
  int64_t parameters() const { return parameters_; }

 private:
  struct Taken {
    Tensor tensor;
    LayerKind kind;
  };
  std::string stored_name(const std::string& name) const;
  Taken take(const std::string& name, const Shape& shape);
  Tensor to_bf16(const Tensor& tensor) const;
  // Throws CHECKPOINT_INVALID naming the tensor that was taken last.
  void check_finite(const Tensor& tensor) const;

  std::shared_ptr<WeightSource> source_;
  TensorRules rules_;
  WeightPolicy policy_;
  ThreadPool& threads_;
  std::shared_ptr<const CancelFlag> cancel_;
  std::vector<std::string> taken_;
  Allocator* memory_ = nullptr;
  int64_t bytes_ = 0;
  int64_t parameters_ = 0;
  int64_t freely_checked_ = 0;
};

// Bytes that a loader hands out for all tensors of a checkpoint.
int64_t weight_bytes(std::span<const TensorInfo> tensors, const TensorRules& rules,
                     const WeightPolicy& policy);

}  // namespace vmolmo
