#pragma once

#include <cuda_runtime.h>

#include "test/native/cuda/device_array.h"
#include "test/native/cuda_emulation/emulation.h"
#include "test/native/harness.h"

namespace vmolmo::test {

// Runs body once per order of threads and blocks. Code whose result depends on it has a race.
template <typename Body>
void for_each_order(const Body& body) {
  using emulation::Order;
  for (const Order order : {Order::kAscending, Order::kDescending, Order::kShuffled}) {
    emulation::Settings wanted = emulation::settings();
    wanted.order = order;
    wanted.seed = 7;
    const emulation::ScopedSettings scope(wanted);
    body();
  }
}

}  // namespace vmolmo::test
