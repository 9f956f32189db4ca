#if defined(__AVX512F__)
#include <immintrin.h>

#include "native/kernels/cpu/kernels.h"

#define VMOLMO_TARGET avx512
#define VMOLMO_TARGET_NAME "avx512"
#define VMOLMO_VECTOR_BYTES 64
#define VMOLMO_MR 12
#define VMOLMO_VECTOR_CONSTRAINT "v"
#include "native/kernels/cpu/simd/table.inc"
#endif
