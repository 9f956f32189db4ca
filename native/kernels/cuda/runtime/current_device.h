#pragma once

#include <cuda_runtime_api.h>

namespace vmolmo::cuda {

// The calling thread's current device, put back at the end.
class CurrentDevice {
 public:
  explicit CurrentDevice(int wanted) : wanted_(wanted) {
    if (cudaGetDevice(&before_) != cudaSuccess) before_ = wanted;
    if (before_ != wanted) cudaSetDevice(wanted);
  }
  ~CurrentDevice() {
    if (before_ != wanted_) cudaSetDevice(before_);
  }
  CurrentDevice(const CurrentDevice&) = delete;
  CurrentDevice& operator=(const CurrentDevice&) = delete;

 private:
  int wanted_;
  int before_ = 0;
};

}  // namespace vmolmo::cuda
