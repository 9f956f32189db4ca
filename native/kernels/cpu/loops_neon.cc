#if defined(__aarch64__)
#include "native/kernels/cpu/loops.h"

#define VMOLMO_TARGET neon
#include "native/kernels/cpu/loops/table.inc"
#endif
