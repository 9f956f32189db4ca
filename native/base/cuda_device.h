#pragma once

#include <string>
#include <vector>

namespace vmolmo {

struct CudaDevice {
  int index = 0;
  std::string name;
  size_t total_bytes = 0;
  size_t free_bytes = 0;
  int compute_major = 0;
  int compute_minor = 0;
};

// What the machine offers, as values: a missing driver or device is a state, never a failure.
struct CudaStatus {
  bool built = false;  // this library was compiled with CUDA
  int driver_version =
      0;  // 1000 * major + 10 * minor of the newest CUDA the driver serves; 0: no driver
  int runtime_version = 0;
  std::vector<CudaDevice> devices;
  std::string message;  // why there are no devices; empty when there are some
};

CudaStatus cuda_status();

}  // namespace vmolmo
