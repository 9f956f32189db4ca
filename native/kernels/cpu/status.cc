#include "native/base/thread_pool.h"
#include "native/kernels/cpu/kernels.h"
#include "videomolmo/system.h"

namespace vmolmo {

CpuStatus cpu_status() {
  CpuStatus status{cpu::kernels().name, {}, available_cores()};
  for (const cpu::Kernels* table : cpu::supported_kernels())
    status.available.emplace_back(table->name);
  return status;
}

}  // namespace vmolmo
