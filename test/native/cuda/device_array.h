#pragma once

#include <cuda_runtime_api.h>

#include <vector>

#include "native/kernels/cuda/check.h"

namespace vmolmo::test {

// An array in device memory, freed at the end of the scope.
template <typename T>
class DeviceArray {
 public:
  explicit DeviceArray(size_t count) : count_(count) {
    cuda::check(cudaMalloc(reinterpret_cast<void**>(&data_), count * sizeof(T)), "allocate memory");
    poison();
    // Filling is work of the null stream, which other streams do not wait for.
    cuda::check(cudaDeviceSynchronize(), "fill memory");
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
  // Every byte 0xff, a NaN: what nobody writes shows.
  void poison() const { cuda::check(cudaMemset(data_, 0xff, count_ * sizeof(T)), "fill memory"); }

 private:
  T* data_ = nullptr;
  size_t count_;
};

}  // namespace vmolmo::test
