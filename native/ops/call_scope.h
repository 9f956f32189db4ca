#pragma once

#include "native/ops/context.h"
#include "videomolmo/call.h"

namespace vmolmo {

// Makes the context's device current, lends the call's cancel flag and recorder to the context for
// as long as it lives, and clears the stage times of the call before.
class CallScope {
 public:
  CallScope(Context& context, const CallOptions& options) : context_(context) {
    context.activate();
    context.times().clear();
    context.set_cancel(options.cancel);
    context.set_recorder(options.recorder);
  }
  ~CallScope() {
    context_.set_cancel(nullptr);
    context_.set_recorder(nullptr);
  }
  CallScope(const CallScope&) = delete;
  CallScope& operator=(const CallScope&) = delete;

 private:
  Context& context_;
};

}  // namespace vmolmo
