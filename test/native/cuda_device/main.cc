#include <cuda_runtime_api.h>

#include <cstdio>

#include "test/native/harness.h"
#include "videomolmo/system.h"

// The cases of test/native/cuda on a real device. An argument selects those whose name contains it.
// Exit codes: 0, 1 for a case that fails, 3 when there is no device.
int main(int argc, char** argv) {
  using namespace vmolmo;
  const CudaStatus status = cuda_status();
  if (status.devices.empty()) {
    std::fprintf(stderr, "No CUDA device: %s\n", status.message.c_str());
    return 3;
  }
  std::printf("# %s\n", status.devices.front().name.c_str());
  // Exponentials, reciprocals and the tensor cores' sums are good to a few units of the last place.
  test::least_tolerance() = 1e-5;
  const bool passed = test::run_cases(argc > 1 ? argv[1] : "");
  // A fault shows at the latest here, whoever caused it.
  const cudaError_t error = cudaDeviceSynchronize();
  if (error != cudaSuccess) std::printf("# device: %s\n", cudaGetErrorString(error));
  return passed && error == cudaSuccess ? 0 : 1;
}
