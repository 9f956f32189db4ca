#include "native/binding/engine_thread.h"

#include <algorithm>
#include <atomic>

namespace vmolmo::binding {

struct EngineThread::Task {
  Job job;
  // Tasks end on the JavaScript thread, and so does the engine, whoever let go of it meanwhile.
  std::shared_ptr<EngineThread> engine;
  std::optional<Napi::Promise::Deferred> promise;  // none for housekeeping
  Finish finish;
  std::optional<Failure> failure;
  bool last = false;  // the release of everything; the thread ends after it
};

std::shared_ptr<EngineThread> EngineThread::create(Napi::Env env, std::string what) {
  std::shared_ptr<EngineThread> engine(new EngineThread(env, std::move(what)));
  // The wake-up may still be delivered while the last owner lets go, so it holds a weak pointer.
  auto context = std::make_unique<std::weak_ptr<EngineThread>>(engine);
  const auto free_context = [](napi_env, void* data, void*) {
    delete static_cast<std::weak_ptr<EngineThread>*>(data);
  };
  napi_value name = Napi::String::New(env, "videomolmo");
  napi_status status =
      napi_create_threadsafe_function(env, nullptr, nullptr, name, 0, 1, context.get(),
                                      free_context, context.get(), on_wake, &engine->wake_);
  require(status == napi_ok, Code::kInternal, "The engine's thread could not be set up.");
  context.release();
  napi_unref_threadsafe_function(env, engine->wake_);
  // Hooks run in reverse order: this one, added after the one of the thread-safe function, ends the
  // thread before the function that it calls is taken away.
  napi_add_env_cleanup_hook(env, on_environment_exit, engine.get());
  engine->thread_ = std::thread([self = engine.get()] { self->run(); });
  return engine;
}

EngineThread::EngineThread(Napi::Env env, std::string what) : env_(env), what_(std::move(what)) {}

EngineThread::~EngineThread() { stop(); }

std::unique_ptr<EngineThread::Task> EngineThread::new_task() {
  auto task = std::make_unique<Task>();
  task->engine = shared_from_this();
  return task;
}

Napi::Promise EngineThread::submit(Napi::Env env, Job job) {
  auto promise = Napi::Promise::Deferred::New(env);
  if (disposing_) {
    promise.Reject(
        to_js(env, {Code::kDisposed, concat("The ", what_, " has been disposed.")}).Value());
    return promise.Promise();
  }
  if (!job.cancel) job.cancel = std::make_shared<CancelFlag>();
  auto task = new_task();
  task->job = std::move(job);
  task->promise = promise;
  hold(+1);
  {
    std::lock_guard lock(mutex_);
    queue_.push_back(std::move(task));
  }
  changed_.notify_one();
  return promise.Promise();
}

Napi::Promise EngineThread::dispose(Napi::Env env) {
  auto promise = Napi::Promise::Deferred::New(env);
  if (released_) {
    promise.Resolve(env.Undefined());
    return promise.Promise();
  }
  disposers_.push_back(promise);
  if (disposing_) return promise.Promise();
  disposing_ = true;

  std::deque<std::unique_ptr<Task>> waiting;
  hold(+1);
  {
    std::lock_guard lock(mutex_);
    waiting.swap(queue_);
    if (running_) running_->raise();
    auto task = new_task();
    task->last = true;
    queue_.push_back(std::move(task));
  }
  changed_.notify_one();
  for (auto& task : waiting) {
    task->failure = {Code::kDisposed, concat("The ", what_, " was disposed before the call ran.")};
    settle(env, *task);
  }
  return promise.Promise();
}

void EngineThread::check_alive() const {
  require(!disposing_, Code::kDisposed, "The ", what_, " has been disposed.");
}

void EngineThread::release_later(std::shared_ptr<SlotBase> slot) {
  if (disposing_ || !thread_.joinable()) return;  // released with everything else
  auto task = new_task();
  task->job.cancel = std::make_shared<CancelFlag>();
  task->job.work = [slot = std::move(slot)]() -> Finish {
    slot->release();
    return {};
  };
  hold(+1);
  {
    std::lock_guard lock(mutex_);
    queue_.push_back(std::move(task));
  }
  changed_.notify_one();
}

void EngineThread::adopt(std::shared_ptr<SlotBase> slot) {
  std::lock_guard lock(mutex_);
  std::erase_if(slots_, [](const auto& weak) { return weak.expired(); });
  slots_.push_back(slot);
}

// --- the engine thread
// -------------------------------------------------------------------------------

void EngineThread::run() {
  for (;;) {
    std::unique_ptr<Task> task;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
      if (stopping_) break;
      task = std::move(queue_.front());
      queue_.pop_front();
      running_ = task->job.cancel;
    }
    const bool last = task->last;
    run_task(*task);
    {
      std::lock_guard lock(mutex_);
      running_ = nullptr;
      done_.push_back(std::move(task));
    }
    napi_call_threadsafe_function(wake_, nullptr, napi_tsfn_nonblocking);
    if (last) return;
  }
  release_all();
}

void EngineThread::run_task(Task& task) {
  try {
    if (task.last) {
      release_all();
      return;
    }
    task.job.cancel->check();
    task.finish = task.job.work();
    if (weights_) weights_->check_intact();
  } catch (const NonFinite& failure) {
    task.failure = explain(failure);
  } catch (...) {
    task.failure = current_failure();
  }
  task.job.work = nullptr;
}

Failure EngineThread::explain(const NonFinite& failure) {
  if (!weights_) return {failure.code(), failure.what()};
  try {
    weights_->check_intact();
    return {failure.code(), concat(failure.what(), " ", explain_non_finite(*weights_))};
  } catch (...) {
    return current_failure();
  }
}

void EngineThread::release_all() {
  std::vector<std::weak_ptr<SlotBase>> slots;
  {
    std::lock_guard lock(mutex_);
    slots.swap(slots_);
  }
  // Newest first: what was made from a model goes before the model.
  for (auto slot = slots.rbegin(); slot != slots.rend(); ++slot) {
    if (const auto held = slot->lock()) held->release();
  }
  weights_.reset();
}

// --- the JavaScript thread
// ---------------------------------------------------------------------------

void EngineThread::on_wake(napi_env env, napi_value, void* context, void*) {
  if (env == nullptr) return;  // the environment is going away
  const auto engine = static_cast<std::weak_ptr<EngineThread>*>(context)->lock();
  if (engine) engine->drain(Napi::Env(env));
}

void EngineThread::drain(Napi::Env env) {
  std::vector<std::unique_ptr<Task>> done;
  {
    std::lock_guard lock(mutex_);
    done.swap(done_);
  }
  for (auto& task : done) {
    const bool last = task->last;
    try {
      settle(env, *task);
    } catch (const Napi::Error&) {
      // JavaScript is being ended (a worker that is terminated): nobody waits for the promise any
      // more, and this callback's caller knows no exceptions.
    }
    if (!last) hold(-1);
  }
}

void EngineThread::settle(Napi::Env env, Task& task) {
  Napi::HandleScope scope(env);
  if (task.last) {
    stop();
    released_ = true;
    for (auto& promise : disposers_) promise.Resolve(env.Undefined());
    disposers_.clear();
    return;
  }
  if (task.promise) {
    if (task.failure) {
      if (task.failure->code == Code::kAborted && disposing_) {
        task.failure->message = concat("The ", what_, " was disposed while the call was running.");
      }
      task.promise->Reject(to_js(env, *task.failure).Value());
    } else {
      try {
        task.promise->Resolve(task.finish ? task.finish(env) : env.Undefined());
      } catch (const Napi::Error& error) {
        task.promise->Reject(error.Value());
      } catch (...) {
        task.promise->Reject(to_js(env, current_failure()).Value());
      }
    }
  }
}

// The event loop stays alive exactly while calls are under way.
void EngineThread::hold(int change) {
  const bool before = under_way_ > 0;
  under_way_ += change;
  const bool after = under_way_ > 0;
  if (before == after || wake_ == nullptr) return;
  if (after) {
    napi_ref_threadsafe_function(env_, wake_);
  } else {
    napi_unref_threadsafe_function(env_, wake_);
  }
}

// Ends the thread, whatever it is doing. Safe to call twice.
void EngineThread::stop() {
  if (!thread_.joinable()) return;
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
    if (running_) running_->raise();
  }
  changed_.notify_one();
  thread_.join();
  queue_.clear();
  done_.clear();
  napi_remove_env_cleanup_hook(env_, on_environment_exit, this);
  napi_release_threadsafe_function(wake_, napi_tsfn_abort);
  wake_ = nullptr;
}

void EngineThread::on_environment_exit(void* self) {
  // Its own queued tasks may be the last owners.
  const auto engine = static_cast<EngineThread*>(self)->shared_from_this();
  engine->disposing_ = true;
  engine->released_ = true;
  engine->stop();
}

}  // namespace vmolmo::binding
