#pragma once

#include <map>
#include <memory>
#include <string>

#include "native/base/cancel.h"
#include "native/base/thread_pool.h"
#include "videomolmo/tensor.h"

namespace vmolmo {

// Receives intermediate tensors by stage name ("vit.hidden.3"); used by parity runs only.
class Recorder {
 public:
  virtual ~Recorder() = default;
  virtual void record(const std::string& name, const Tensor& tensor) = 0;
};

// Milliseconds per stage, accumulated by name.
using StageTimes = std::map<std::string, double>;

// What every op needs and no model owns: the device's threads and memory, the cancel flag of the
// call in progress, and the optional recorder. One per loaded model, used by its engine thread
// only.
class Context {
 public:
  explicit Context(int threads = 0);

  ThreadPool& threads() { return threads_; }
  Allocator& memory() { return *memory_; }
  Device device() const { return memory_->device(); }

  Tensor empty(Shape shape, DType dtype = DType::kF32) {
    return Tensor::empty(*memory_, shape, dtype);
  }
  Tensor zeros(Shape shape, DType dtype = DType::kF32) {
    return Tensor::zeros(*memory_, shape, dtype);
  }

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
  std::shared_ptr<Allocator> memory_;
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
