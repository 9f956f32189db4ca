#if defined(__AVX2__)
#include "native/kernels/cpu/loops.h"

#define VMOLMO_TARGET avx2
#include "native/kernels/cpu/loops/table.inc"
#endif
