#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "native/base/cancel.h"
#include "native/base/thread_pool.h"
#include "native/ops/device_preferences.h"
#include "videomolmo/call.h"
#include "videomolmo/tensor.h"

namespace vmolmo {

namespace cuda {
class CublasLtGemm;
class Pool;
}  // namespace cuda

// How products are made on a GPU.
enum class Products : uint8_t {
  kExact,        // f32 operands and sums: for comparing with the CPU
  kTensorCores,  // operands rounded to bf16, f32 sums
};

// What every op needs and no model owns: the device's threads and memory, the cancel flag of the
// call in progress, and the optional recorder. One per loaded model, used by its engine thread
// only. On a device other than the CPU everything runs on one stream, and the tensors that ops take
// and give lie in that device's memory.
class Context {
 public:
  explicit Context(int threads = 0);
  // Throws DEVICE_UNAVAILABLE for a device that this machine or build does not have.
  // `memory_limit`: bytes a GPU's pool may take; 0: no limit.
  explicit Context(Device device, int threads = 0, size_t memory_limit = 0);

  ThreadPool& threads() { return threads_; }
  Allocator& memory() { return *memory_; }
  Device device() const { return device_; }

  // What models ask instead of the device's kind.
  const DevicePreferences& preferences() const { return preferences_; }
  int64_t batch_objects() const { return preferences_.batch_objects; }
  // Whether work that repeats is kept as a graph. Nobody can record inside of one.
  bool keeps_graphs() const { return on_cuda() && !recording(); }
  // Whether products round their operands to bf16 on this device.
  bool rounds_products() const { return on_cuda() && products_ == Products::kTensorCores; }
  // Whether a tensor's values can be looked at without waiting for the device.
  bool at_hand(const Tensor& tensor) const { return tensor.device().kind == Device::Kind::kCpu; }
  // For what outlives single calls by far: the CPU's pool is for what does not.
  Allocator& lasting_memory() { return on_cuda() ? *memory_ : cpu_heap(); }
  // Where weights go; null: they stay where they are, in mapped files for instance.
  Allocator* weight_memory() { return on_cuda() ? memory_.get() : nullptr; }
  // Takes so many bytes from a GPU at once, for the work to come.
  void reserve(size_t bytes);

  // What ops ask.
  bool on_cuda() const { return device_.kind == Device::Kind::kCuda; }
  // Of CUDA contexts only.
  cuda::Pool& pool() { return *pool_; }
  Products products() const { return products_; }
  void set_products(Products products) { products_ = products; }
  // cuBLASLt for this context's stream; null where it was not found. Of CUDA contexts only.
  cuda::CublasLtGemm* library();
  // To be called by a thread before its first op in a while.
  void activate();
  // Waits until the device has done everything; what its tensors take of the memory then.
  MemoryUse finish();

  // The tensor where this context's ops can take it: a copy if it lies in the CPU's memory and the
  // device is another one, else itself.
  Tensor to_device(const Tensor& tensor);
  // The tensor in the CPU's memory; waits for the device. Itself if it lies there already.
  Tensor to_host(const Tensor& tensor);
  // The bytes of a contiguous tensor in the CPU's memory, to one of this context's device that
  // stays where it is.
  void write(const Tensor& to, const Tensor& from);
  // A copy that may outlive the call and holds on to nothing but its own bytes.
  Tensor keep(const Tensor& tensor);

  Tensor empty(Shape shape, DType dtype = DType::kF32) {
    return Tensor::empty(*memory_, shape, dtype);
  }
  Tensor zeros(Shape shape, DType dtype = DType::kF32) {
    return Tensor::zeros(*memory_, shape, dtype);
  }

  // A small table that follows from its key alone, on the device; made once and kept while no more
  // than a few hundred are.
  Tensor table(const std::string& key, const std::function<Tensor()>& make);
  // Changes when tables are let go, after which nothing may use their memory by address.
  int64_t table_generation() const { return table_generation_; }

  // The flag of the call in progress; null between calls.
  void set_cancel(std::shared_ptr<const CancelFlag> flag) { cancel_ = std::move(flag); }
  // To be called between layers.
  void check_cancelled() const {
    if (cancel_) cancel_->check();
  }

  void set_recorder(Recorder* recorder) { recorder_ = recorder; }
  bool recording() const { return recorder_ != nullptr; }
  void tap(const std::string& name, const Tensor& tensor) {
    if (recorder_) recorder_->record(name, tensor);
  }

  StageTimes& times() { return times_; }

 private:
  ThreadPool threads_;
  Device device_;
  DevicePreferences preferences_;
  std::shared_ptr<cuda::Pool> pool_;
  Products products_ = Products::kExact;
  bool library_sought_ = false;
  std::shared_ptr<cuda::CublasLtGemm> library_;
  std::shared_ptr<Allocator> memory_;
  std::map<std::string, Tensor> tables_;
  int64_t table_generation_ = 0;
  std::shared_ptr<const CancelFlag> cancel_;
  Recorder* recorder_ = nullptr;
  StageTimes times_;
};

// Adds the lifetime of the object to context.times()[stage].
class StageTimer {
 public:
  StageTimer(Context& context, std::string stage);
  ~StageTimer();

 private:
  Context& context_;
  std::string stage_;
  double started_ms_;
};

}  // namespace vmolmo
