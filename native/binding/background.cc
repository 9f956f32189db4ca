#include "native/binding/background.h"

#include <memory>
#include <optional>

#include "native/binding/errors.h"

namespace vmolmo::binding {
namespace {

struct Task {
  napi_async_work handle = nullptr;
  napi_deferred deferred = nullptr;
  Loans loans;
  std::function<Finish()> work;
  Finish finish;
  std::optional<Failure> failure;
};

void execute(napi_env, void* data) {
  auto& task = *static_cast<Task*>(data);
  try {
    task.finish = task.work();
  } catch (...) {
    task.failure = current_failure();
  }
  task.work = nullptr;
}

// The calls that settle may fail where the environment is going away; then nobody waits any more.
void settle(Napi::Env env, Task& task) {
  try {
    if (!task.failure) {
      napi_resolve_deferred(env, task.deferred, task.finish(env));
      return;
    }
    napi_reject_deferred(env, task.deferred, to_js(env, *task.failure).Value());
  } catch (const Napi::Error& error) {
    napi_reject_deferred(env, task.deferred, error.Value());
  } catch (...) {
    napi_reject_deferred(env, task.deferred, to_js(env, current_failure()).Value());
  }
}

void complete(napi_env env, napi_status status, void* data) {
  const std::unique_ptr<Task> task(static_cast<Task*>(data));
  try {
    if (status == napi_ok) settle(env, *task);
  } catch (...) {
    // Not even the failure could be made into a value.
  }
  napi_delete_async_work(env, task->handle);
}

}  // namespace

Napi::Promise in_background(Napi::Env env, Loans loans, std::function<Finish()> work) {
  auto task = std::make_unique<Task>();
  task->loans = std::move(loans);
  task->work = std::move(work);
  napi_value promise = nullptr;
  napi_status status = napi_create_promise(env, &task->deferred, &promise);
  if (status == napi_ok) {
    status = napi_create_async_work(env, nullptr, Napi::String::New(env, "videomolmo"), execute,
                                    complete, task.get(), &task->handle);
  }
  if (status == napi_ok) status = napi_queue_async_work(env, task->handle);
  if (status != napi_ok) {
    if (task->handle != nullptr) napi_delete_async_work(env, task->handle);
    throw Error(Code::kInternal, "Work could not be given to another thread.");
  }
  task.release();
  return Napi::Promise(env, promise);
}

}  // namespace vmolmo::binding
