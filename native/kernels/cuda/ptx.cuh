#pragma once

// Tensor cores, ldmatrix and cp.async (sm_80 and later). Each function has its exact counterpart in
// test/native/cuda_emulation/ptx.h; whoever adds one here adds it there.
//
// Shapes (PTX ISA, "Matrix fragments for mma.m16n8k16"), with group = lane / 4, pair = lane % 4:
//   a[0..3]: rows group, group + 8, group, group + 8; k 2 pair, 2 pair + 1 (+ 8 in a[2], a[3])
//   b[0..1]: k 2 pair, 2 pair + 1 (+ 8 in b[1]); column group
//   c, d:    rows group, group, group + 8, group + 8; columns 2 pair, 2 pair + 1
// A register holds two bf16 values, the lower index in the lower half.

#ifdef VMOLMO_CUDA_EMULATION
#include "test/native/cuda_emulation/ptx.h"
#else

#include <cstdint>

namespace vmolmo::cuda {

// d = a b + c; a 16x16 and b 16x8 bf16, c and d f32. All lanes of the warp.
__device__ __forceinline__ void mma_m16n8k16(float (&d)[4], const uint32_t (&a)[4],
                                             const uint32_t (&b)[2], const float (&c)[4]) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
      "{%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%10,%11,%12,%13};\n"
      : "=f"(d[0]), "=f"(d[1]), "=f"(d[2]), "=f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]), "f"(c[0]), "f"(c[1]),
        "f"(c[2]), "f"(c[3]));
}

__device__ __forceinline__ uint32_t shared_address(const void* p) {
  return static_cast<uint32_t>(__cvta_generic_to_shared(p));
}

// Four 8x8 matrices of 16-bit elements from shared memory. Lane 8 m + i brings the address of row i
// of matrix m (16-byte aligned); lane L gets elements 2 (L % 4) and the next of row L / 4 of matrix
// m in r[m], of the transposed matrices in the second form. All lanes of the warp.
__device__ __forceinline__ void load_matrix_x4(uint32_t (&r)[4], const void* row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];\n"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(shared_address(row))
               : "memory");
}
__device__ __forceinline__ void load_matrix_x4_transposed(uint32_t (&r)[4], const void* row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];\n"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(shared_address(row))
               : "memory");
}
// Two matrices; the addresses of lanes 0 to 15 count.
__device__ __forceinline__ void load_matrix_x2(uint32_t (&r)[2], const void* row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x2.shared.b16 {%0,%1}, [%2];\n"
               : "=r"(r[0]), "=r"(r[1])
               : "r"(shared_address(row))
               : "memory");
}
__device__ __forceinline__ void load_matrix_x2_transposed(uint32_t (&r)[2], const void* row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x2.trans.shared.b16 {%0,%1}, [%2];\n"
               : "=r"(r[0]), "=r"(r[1])
               : "r"(shared_address(row))
               : "memory");
}

// Starts a copy of 16 bytes from global to shared memory (both 16-byte aligned); zeros instead when
// not `valid`, `from` is not read then. Arrives after commit and wait, for the other threads after
// a barrier besides.
__device__ __forceinline__ void copy_async_16(void* to, const void* from, bool valid) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;\n" ::"r"(shared_address(to)),
               "l"(from), "r"(valid ? 16 : 0)
               : "memory");
}
// Closes the group of the copies started since the last commit.
__device__ __forceinline__ void copy_async_commit() {
  asm volatile("cp.async.commit_group;\n" ::: "memory");
}
// Waits until at most kGroupsLeft of the newest groups are under way.
template <int kGroupsLeft>
__device__ __forceinline__ void copy_async_wait() {
  asm volatile("cp.async.wait_group %0;\n" ::"n"(kGroupsLeft) : "memory");
}

}  // namespace vmolmo::cuda

#endif
