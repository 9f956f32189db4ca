#pragma once

#include <napi.h>

#include <functional>

#include "native/binding/buffers.h"
#include "native/binding/engine_thread.h"

namespace vmolmo::binding {

// Runs work that belongs to no model on a thread of Node's pool and settles a promise on the
// JavaScript thread: work of an engine, but for its queue. `work` must touch no JavaScript value.
// Where the environment ends meanwhile, nobody is told, and nothing is thrown.
Napi::Promise in_background(Napi::Env env, Loans loans, std::function<Finish()> work);

}  // namespace vmolmo::binding
