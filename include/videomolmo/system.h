#pragma once

#include <cstddef>
#include <string>
#include <vector>

// What this machine offers, as values: a missing driver, device or library is a state, never a
// failure.

namespace vmolmo {

struct CpuStatus {
  std::string selected;                // instruction set of the kernels in use
  std::vector<std::string> available;  // those that this processor can run
  int cores = 0;                       // that this process may use
};
CpuStatus cpu_status();

struct CudaDevice {
  int index = 0;
  std::string name;
  size_t total_bytes = 0;
  size_t free_bytes = 0;
  int compute_major = 0;
  int compute_minor = 0;
};

struct CudaStatus {
  bool built = false;  // this library was compiled with CUDA
  // 1000 * major + 10 * minor of the newest CUDA that the driver serves; 0: no driver.
  int driver_version = 0;
  int runtime_version = 0;
  std::vector<CudaDevice> devices;
  std::string message;  // why there are no devices; empty when there are some
};
CudaStatus cuda_status();

struct CublasLtStatus {
  bool found = false;
  int version = 0;      // 10000 * major + 100 * minor + patch, 0 when not found
  std::string path;     // what was opened
  std::string message;  // why there is none; empty when found
};
const CublasLtStatus& cublaslt_status();

}  // namespace vmolmo
