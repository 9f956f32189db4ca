#pragma once

#include <atomic>
#include <memory>

#include "videomolmo/status.h"

namespace vmolmo {

// A flag that the JavaScript thread raises and the model reads between layers.
class CancelFlag {
 public:
  void raise() { raised_.store(true, std::memory_order_relaxed); }
  bool raised() const { return raised_.load(std::memory_order_relaxed); }
  // Throws ABORTED once raised.
  void check() const {
    if (raised()) fail(Code::kAborted, "The operation was aborted.");
  }

 private:
  std::atomic<bool> raised_{false};
};

}  // namespace vmolmo
