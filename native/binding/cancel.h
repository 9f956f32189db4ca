#pragma once

#include <napi.h>

#include <memory>
#include <mutex>
#include <vector>

#include "native/binding/arguments.h"
#include "videomolmo/cancel.h"

namespace vmolmo::binding {

// What an AddonCancel raises: every call that was started with it has a flag of its own, so that
// disposing one model stops its calls and no others.
class CancelSource {
 public:
  void raise();
  // A new flag, raised already when the source is.
  std::shared_ptr<CancelFlag> attach();

 private:
  std::mutex mutex_;
  bool raised_ = false;
  std::vector<std::weak_ptr<CancelFlag>> flags_;
};

// The flag for a call: attached to the AddonCancel given, or a fresh one when the argument is
// absent.
std::shared_ptr<CancelFlag> cancel_flag(const Argument& argument);

}  // namespace vmolmo::binding
