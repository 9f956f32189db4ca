#pragma once

#include <cuda_runtime.h>

#include <cstdlib>
#include <optional>

#include "native/ops/context.h"
#include "test/native/cuda/device_array.h"
#include "test/native/cuda_emulation/emulation.h"
#include "test/native/harness.h"

// The cases of this folder are built twice: videomolmo_cuda_tests runs them on the emulated device,
// videomolmo_cuda_device_tests on a real one. There, a case that touches the emulation's settings
// or counters is skipped at that point.
namespace vmolmo::test {

#ifdef VMOLMO_CUDA_EMULATION
constexpr bool kEmulated = true;
#else
constexpr bool kEmulated = false;
#endif

// The emulation's counters, or zeros where nobody counts.
inline emulation::Counters counted() {
  return kEmulated ? emulation::counters() : emulation::Counters{};
}

// Runs body once per order of threads and blocks. Code whose result depends on it has a race. A
// real device has orders of its own: body runs there as many times.
template <typename Body>
void for_each_order(const Body& body) {
  using emulation::Order;
  for (const Order order : {Order::kAscending, Order::kDescending, Order::kShuffled}) {
    if constexpr (kEmulated) {
      emulation::Settings wanted = emulation::settings();
      wanted.order = order;
      wanted.seed = 7;
      const emulation::ScopedSettings scope(wanted);
      body();
    } else {
      body();
      cuda::check(cudaDeviceSynchronize(), "finish a case's work");
    }
  }
}

// While it lives, work waits in its stream until somebody synchronises, as it may on a real device.
class DeferredWork {
 public:
  DeferredWork() {
    if constexpr (kEmulated) {
      emulation::Settings wanted = emulation::settings();
      wanted.deferred = true;
      scope_.emplace(wanted);
    }
  }

 private:
  std::optional<emulation::ScopedSettings> scope_;
};

// Runs body in an order that no kernel expects.
template <typename Body>
void in_shuffled_order(const Body& body) {
  if constexpr (kEmulated) {
    emulation::Settings wanted = emulation::settings();
    wanted.order = emulation::Order::kShuffled;
    const emulation::ScopedSettings scope(wanted);
    body();
  } else {
    body();
  }
}

// A context on the emulated device that takes every tensor from the driver by itself, so that each
// ends at memory nobody may touch.
inline Context context_with_exact_ends() {
  struct Direct {
    Direct() { setenv("VIDEOMOLMO_CUDA_MEMORY", "direct", 1); }
    ~Direct() { unsetenv("VIDEOMOLMO_CUDA_MEMORY"); }
  } direct;
  return Context(Device{Device::Kind::kCuda, 0}, 1);
}

}  // namespace vmolmo::test
