#pragma once

#include "native/kernels/cuda/launch.cuh"
#include "native/kernels/cuda/ptx.cuh"

// Tiles of bf16 in shared memory, as the tensor-core kernels read them.
namespace vmolmo::cuda {

constexpr int kChunk = 8;  // elements of a 16-byte piece

// Where piece `chunk` of row `row` lies in a tile of CHUNKS pieces a row, in elements. The pieces
// are permuted so that the eight rows that an ldmatrix reads lie in different banks.
template <int CHUNKS>
__device__ __forceinline__ int tile_at(int row, int chunk) {
  static_assert(CHUNKS == 4 || CHUNKS % 8 == 0);
  const int key = CHUNKS == 4 ? row / 2 % 4 : row % 8;
  return (row * CHUNKS + (chunk ^ key)) * kChunk;
}

// A register of two bf16 values, the first in the lower half.
__device__ __forceinline__ uint32_t bits_of(__nv_bfloat162 pair) {
  uint32_t bits;
  memcpy(&bits, &pair, sizeof(bits));
  return bits;
}
__device__ __forceinline__ __nv_bfloat162 pair_of(uint32_t bits) {
  __nv_bfloat162 pair;
  memcpy(&pair, &bits, sizeof(pair));
  return pair;
}
__device__ __forceinline__ uint32_t pack_bf16(float low, float high) {
  return bits_of(__floats2bfloat162_rn(low, high));
}

// Fragment a of the 16 rows from `row` and the 16 columns from piece `chunk` on.
template <int CHUNKS>
__device__ __forceinline__ void load_a(uint32_t (&a)[4], const __nv_bfloat16* tile, int row,
                                       int chunk, int lane) {
  load_matrix_x4(a, tile + tile_at<CHUNKS>(row + lane % 16, chunk + lane / 16));
}

// Fragments b of two 8-column blocks, out of a tile that holds b's columns as rows: 16 rows from
// `row` and the 16 elements from piece `chunk` on. The first block is b[0], b[1].
template <int CHUNKS>
__device__ __forceinline__ void load_b(uint32_t (&b)[4], const __nv_bfloat16* tile, int row,
                                       int chunk, int lane) {
  const int at = tile_at<CHUNKS>(row + lane % 8 + lane / 16 * 8, chunk + lane / 8 % 2);
  load_matrix_x4(b, tile + at);
}

// The same out of a tile that holds b as it is: 16 rows (k) from `row` on and the 16 columns from
// piece `chunk` on.
template <int CHUNKS>
__device__ __forceinline__ void load_b_rows(uint32_t (&b)[4], const __nv_bfloat16* tile, int row,
                                            int chunk, int lane) {
  load_matrix_x4_transposed(b, tile + tile_at<CHUNKS>(row + lane % 16, chunk + lane / 16));
}

// d += a b for the two blocks of load_b.
__device__ __forceinline__ void mma_pair(float (&d0)[4], float (&d1)[4], const uint32_t (&a)[4],
                                         const uint32_t (&b)[4]) {
  const uint32_t first[2] = {b[0], b[1]}, second[2] = {b[2], b[3]};
  mma_m16n8k16(d0, a, first, d0);
  mma_m16n8k16(d1, a, second, d1);
}

}  // namespace vmolmo::cuda
