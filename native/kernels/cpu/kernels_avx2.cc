#if defined(__AVX2__)
#include <immintrin.h>

#include "native/kernels/cpu/kernels.h"

#define VMOLMO_TARGET avx2
#define VMOLMO_TARGET_NAME "avx2"
#define VMOLMO_VECTOR_BYTES 32
#define VMOLMO_MR 6
#define VMOLMO_VECTOR_CONSTRAINT "x"
#include "native/kernels/cpu/simd/table.inc"
#endif
