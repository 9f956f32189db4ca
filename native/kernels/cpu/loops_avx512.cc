#if defined(__AVX512F__)
#include "native/kernels/cpu/loops.h"

#define VMOLMO_TARGET avx512
#include "native/kernels/cpu/loops/table.inc"
#endif
