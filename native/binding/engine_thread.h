#pragma once

#include <napi.h>

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "native/binding/buffers.h"
#include "native/binding/errors.h"
#include "videomolmo/cancel.h"
#include "videomolmo/weights.h"

namespace vmolmo::binding {

class EngineThread;

// Something that lives with an engine thread (a model, a stream, a frame's features) and is
// released on it: by its own handle's dispose, or with the model.
class SlotBase {
 public:
  virtual ~SlotBase() = default;
  virtual void release() = 0;
};

template <typename T>
class Slot : public SlotBase {
 public:
  Slot(std::shared_ptr<T> value, std::string what)
      : value_(std::move(value)), what_(std::move(what)) {}

  // The value, kept alive for the length of the caller's use. Throws DISPOSED once released.
  std::shared_ptr<T> get() const {
    std::lock_guard lock(mutex_);
    require(value_ != nullptr, Code::kDisposed, "The ", what_, " has been disposed.");
    return value_;
  }
  // Null once released.
  std::shared_ptr<T> peek() const {
    std::lock_guard lock(mutex_);
    return value_;
  }
  void release() override {
    std::shared_ptr<T> last;
    std::lock_guard lock(mutex_);
    last.swap(value_);
  }

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<T> value_;
  std::string what_;
};

// Runs on the JavaScript thread after a job and makes the value that its promise resolves with.
using Finish = std::function<Napi::Value(Napi::Env)>;

// One call. `work` runs on the engine thread and must touch no JavaScript value.
struct Job {
  std::function<Finish()> work;
  // Raised by the caller's AddonCancel or by dispose; also to be given to the model's Context.
  std::shared_ptr<CancelFlag> cancel;
  // Buffers to keep until the promise settles.
  Loans loans;
};

// The thread of one loaded model. Jobs run one at a time in the order of submission and settle
// their promises on the JavaScript thread. It keeps the process alive only while jobs are under
// way, and it ends with dispose(), with its last owner, or with the JavaScript environment.
//
// Loading, and a method of the handle that it makes:
//
//   auto engine = EngineThread::create(env, "pointer");
//   Job job;
//   job.cancel = cancel_flag(options["cancel"]);
//   job.work = [engine, config, cancel = job.cancel]() -> Finish {      // engine thread
//     auto model = engine->own(std::make_shared<Model>(config), "pointer");
//     return [engine, model](Napi::Env env) -> Napi::Value {            // JavaScript thread
//       return make_handle<ModelHandle>(env, {engine, model});
//     };
//   };
//   return engine->submit(env, std::move(job));
//
//   Job job;
//   job.cancel = cancel_flag(options["cancel"]);
//   const RgbImage image = borrow_image(argument(info, 0, "image"), job.loans);
//   const auto trace = Trace::when(options["trace"].boolean_or(false));
//   job.work = [model = state().model, image, cancel = job.cancel, trace]() -> Finish {
//     const auto held = model->get();                                   // throws DISPOSED
//     auto result = std::make_shared<Result>(held->run(image, {cancel, trace.get()}));
//     return [result, trace](Napi::Env env) -> Napi::Value {
//       Napi::Object object = outcome(env, result->times, trace);       // times, tensors
//       object.Set("ids", to_js(env, std::move(result->ids)));
//       return object;
//     };
//   };
//   return state().engine->submit(env, std::move(job));
class EngineThread : public std::enable_shared_from_this<EngineThread> {
 public:
  // `what` names the model in messages ("pointer").
  static std::shared_ptr<EngineThread> create(Napi::Env env, std::string what);
  ~EngineThread();
  EngineThread(const EngineThread&) = delete;
  EngineThread& operator=(const EngineThread&) = delete;

  // All of these are for the JavaScript thread.

  // After dispose() the promise rejects with DISPOSED. A job whose flag is raised before its turn
  // rejects with ABORTED and does not run.
  Napi::Promise submit(Napi::Env env, Job job);
  // Raises the flag of the job in progress (it rejects with ABORTED), rejects the queued ones with
  // DISPOSED, releases every slot on the engine thread, ends the thread, and resolves.
  Napi::Promise dispose(Napi::Env env);
  bool disposed() const { return disposing_; }
  // Throws DISPOSED after dispose(); for the synchronous methods of handles.
  void check_alive() const;
  // Releases a slot after the jobs queued before it; at once when the thread has ended.
  void release_later(std::shared_ptr<SlotBase> slot);

  // For the job that loads: the weights of the engine's model. No job's result is handed out whose
  // weights were lost meanwhile, and a model that computes no numbers is explained by them.
  void watch(std::shared_ptr<WeightSource> weights) { weights_ = std::move(weights); }

  // For any thread: puts a value under the engine's care.
  template <typename T>
  std::shared_ptr<Slot<T>> own(std::shared_ptr<T> value, std::string what) {
    auto slot = std::make_shared<Slot<T>>(std::move(value), std::move(what));
    adopt(slot);
    return slot;
  }

 private:
  struct Task;

  EngineThread(Napi::Env env, std::string what);
  std::unique_ptr<Task> new_task();
  void adopt(std::shared_ptr<SlotBase> slot);
  void run();
  void run_task(Task& task);
  Failure explain(const NonFinite& failure);
  void release_all();
  void drain(Napi::Env env);
  void settle(Napi::Env env, Task& task);
  void stop();
  void hold(int change);
  static void on_wake(napi_env env, napi_value callback, void* context, void* data);
  static void on_environment_exit(void* self);

  napi_env env_;
  std::string what_;
  napi_threadsafe_function wake_ = nullptr;
  std::thread thread_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::unique_ptr<Task>> queue_;
  std::vector<std::unique_ptr<Task>> done_;
  std::shared_ptr<CancelFlag> running_;
  bool stopping_ = false;
  std::vector<std::weak_ptr<SlotBase>> slots_;

  std::shared_ptr<WeightSource> weights_;  // engine thread only

  // JavaScript thread only.
  bool disposing_ = false;
  bool released_ = false;
  int under_way_ = 0;
  std::vector<Napi::Promise::Deferred> disposers_;
};

}  // namespace vmolmo::binding
