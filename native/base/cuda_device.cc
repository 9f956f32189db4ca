#include "videomolmo/system.h"

namespace vmolmo {

#ifdef VMOLMO_HAVE_CUDA
// native/kernels/cuda/runtime/device.cc
CudaStatus probe_cuda();

CudaStatus cuda_status() { return probe_cuda(); }
#else
CudaStatus cuda_status() {
  CudaStatus status;
  status.message = "This build has no CUDA support: no CUDA compiler was found when it was made.";
  return status;
}
#endif

}  // namespace vmolmo
