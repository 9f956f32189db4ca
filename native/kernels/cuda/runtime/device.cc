#include <cuda_runtime_api.h>

#include "videomolmo/system.h"

namespace vmolmo {
namespace {

// Free memory needs a context on the device; the caller's current device is kept.
void read_memory(CudaDevice& device) {
  int current = 0;
  if (cudaGetDevice(&current) != cudaSuccess) current = 0;
  size_t free_bytes = 0;
  size_t total_bytes = 0;
  if (cudaSetDevice(device.index) == cudaSuccess &&
      cudaMemGetInfo(&free_bytes, &total_bytes) == cudaSuccess) {
    device.free_bytes = free_bytes;
  }
  cudaSetDevice(current);
  cudaGetLastError();
}

}  // namespace

CudaStatus probe_cuda() {
  CudaStatus status;
  status.built = true;
  if (cudaDriverGetVersion(&status.driver_version) != cudaSuccess) status.driver_version = 0;
  if (cudaRuntimeGetVersion(&status.runtime_version) != cudaSuccess) status.runtime_version = 0;
  if (status.driver_version == 0) {
    cudaGetLastError();
    status.message = "No NVIDIA driver was found.";
    return status;
  }
  int count = 0;
  const cudaError_t error = cudaGetDeviceCount(&count);
  if (error != cudaSuccess) {
    cudaGetLastError();
    status.message =
        std::string("CUDA reports no usable device: ") + cudaGetErrorString(error) + ".";
    return status;
  }
  for (int index = 0; index < count; ++index) {
    cudaDeviceProp properties{};
    if (cudaGetDeviceProperties(&properties, index) != cudaSuccess) continue;
    CudaDevice device;
    device.index = index;
    device.name = properties.name;
    device.total_bytes = properties.totalGlobalMem;
    device.compute_major = properties.major;
    device.compute_minor = properties.minor;
    read_memory(device);
    status.devices.push_back(device);
  }
  if (status.devices.empty()) status.message = "The NVIDIA driver reports no device.";
  return status;
}

}  // namespace vmolmo
