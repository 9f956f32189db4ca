#include "native/kernels/cpu/kernels.h"

#define VMOLMO_TARGET portable
#define VMOLMO_TARGET_NAME "portable"
#define VMOLMO_VECTOR_BYTES 16
#define VMOLMO_MR 6
#if defined(__x86_64__)
#define VMOLMO_VECTOR_CONSTRAINT "x"
#elif defined(__aarch64__)
#define VMOLMO_VECTOR_CONSTRAINT "w"
#else
#define VMOLMO_VECTOR_CONSTRAINT "m"
#endif
#include "native/kernels/cpu/simd/table.inc"
