#if defined(__aarch64__)
#include <arm_neon.h>

#include "native/kernels/cpu/kernels.h"

// 32 registers of 128 bits: a 12 x 8 tile of sums fills 24 of them. Multiply-adds are fused by the
// compiler (-ffp-contract=fast).
#define VMOLMO_NEON
#define VMOLMO_TARGET neon
#define VMOLMO_TARGET_NAME "neon"
#define VMOLMO_VECTOR_BYTES 16
#define VMOLMO_MR 12
#define VMOLMO_VECTOR_CONSTRAINT "w"
#include "native/kernels/cpu/simd/table.inc"
#endif
