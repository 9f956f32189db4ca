#pragma once

#include <cuda_runtime.h>

#include <vector>

#include "native/kernels/cuda/check.h"
#include "test/native/cuda_emulation/emulation.h"
#include "test/native/harness.h"

namespace vmolmo::test {

// An array in device memory, freed at the end of the scope.
template <typename T>
class DeviceArray {
 public:
  explicit DeviceArray(size_t count) : count_(count) {
    cuda::check(cudaMalloc(reinterpret_cast<void**>(&data_), count * sizeof(T)), "allocate");
  }
  explicit DeviceArray(const std::vector<T>& values) : DeviceArray(values.size()) {
    cuda::check(cudaMemcpy(data_, values.data(), count_ * sizeof(T), cudaMemcpyHostToDevice),
                "copy to the device");
  }
  ~DeviceArray() { cudaFree(data_); }
  DeviceArray(const DeviceArray&) = delete;
  DeviceArray& operator=(const DeviceArray&) = delete;

  T* get() const { return data_; }
  std::vector<T> read() const {
    std::vector<T> values(count_);
    cuda::check(cudaMemcpy(values.data(), data_, count_ * sizeof(T), cudaMemcpyDeviceToHost),
                "copy to the host");
    return values;
  }

 private:
  T* data_ = nullptr;
  size_t count_;
};

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
