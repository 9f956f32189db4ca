#pragma once

#include <cuda_bf16.h>
#include <cuda_runtime.h>

// C++ counterparts of native/kernels/cuda/ptx.cuh, as warp collectives with the fragment layouts
// that the PTX documentation gives.
namespace vmolmo::cuda {

namespace emulated {

struct MmaInputs {
  uint32_t a[4];
  uint32_t b[2];
  float c[4];
};
struct MmaOutputs {
  float d[4];
};

inline float half_of(uint32_t pair, int half) {
  return __uint_as_float((half ? pair >> 16 : pair & 0xffffu) << 16);
}

// Row of A and column of B per lane group: PTX ISA, "Matrix fragments for mma.m16n8k16".
inline void mma_bf16(const MmaInputs* in, MmaOutputs* out) {
  float a[16][16], b[16][8];
  for (int lane = 0; lane < 32; ++lane) {
    const int group = lane / 4, pair = lane % 4;
    for (int i = 0; i < 8; ++i) {
      const int row = group + (i / 2 % 2 ? 8 : 0);
      const int column = pair * 2 + i % 2 + (i >= 4 ? 8 : 0);
      a[row][column] = half_of(in[lane].a[i / 2], i % 2);
    }
    for (int i = 0; i < 4; ++i) {
      b[pair * 2 + i % 2 + (i >= 2 ? 8 : 0)][group] = half_of(in[lane].b[i / 2], i % 2);
    }
  }
  for (int lane = 0; lane < 32; ++lane) {
    for (int i = 0; i < 4; ++i) {
      const int row = lane / 4 + (i >= 2 ? 8 : 0), column = lane % 4 * 2 + i % 2;
      float sum = in[lane].c[i];
      for (int k = 0; k < 16; ++k) sum += a[row][k] * b[k][column];
      out[lane].d[i] = sum;
    }
  }
}

struct Registers {
  uint32_t r[4];
};

// Lane 8 m + i brings the address of row i of matrix m; lane L gets elements 2 (L % 4) and the next
// of row L / 4 of each matrix (of column L / 4 when transposed).
template <int kMatrices, bool kTransposed>
Registers load_matrices(const void* row) {
  return emulation::warp_collective<Registers>(
      0xffffffffu, kTransposed ? "ldmatrix.trans" : "ldmatrix", row,
      [](const void* const* rows, Registers* out, uint32_t) {
        for (int lane = 0; lane < 32; ++lane) {
          for (int m = 0; m < kMatrices; ++m) {
            uint16_t low, high;
            const int i = lane / 4, j = lane % 4 * 2;
            const auto element = [&](int r, int c) {
              return static_cast<const uint16_t*>(rows[m * 8 + r])[c];
            };
            low = kTransposed ? element(j, i) : element(i, j);
            high = kTransposed ? element(j + 1, i) : element(i, j + 1);
            out[lane].r[m] = uint32_t{high} << 16 | low;
          }
        }
      });
}

}  // namespace emulated

inline void mma_m16n8k16(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2],
                         const float (&c)[4]) {
  emulated::MmaInputs in;
  std::memcpy(in.a, a, sizeof a);
  std::memcpy(in.b, b, sizeof b);
  std::memcpy(in.c, c, sizeof c);
  const auto out = emulation::warp_collective<emulated::MmaOutputs>(
      0xffffffffu, "mma.m16n8k16", in,
      [](const auto* inputs, auto* outputs, uint32_t) { emulated::mma_bf16(inputs, outputs); });
  std::memcpy(d, out.d, sizeof d);
}

inline void load_matrix_x4(uint32_t (&r)[4], const void* row) {
  const auto out = emulated::load_matrices<4, false>(row);
  std::memcpy(r, out.r, sizeof r);
}
inline void load_matrix_x4_transposed(uint32_t (&r)[4], const void* row) {
  const auto out = emulated::load_matrices<4, true>(row);
  std::memcpy(r, out.r, sizeof r);
}
inline void load_matrix_x2(uint32_t (&r)[2], const void* row) {
  const auto out = emulated::load_matrices<2, false>(row);
  std::memcpy(r, out.r, sizeof r);
}
inline void load_matrix_x2_transposed(uint32_t (&r)[2], const void* row) {
  const auto out = emulated::load_matrices<2, true>(row);
  std::memcpy(r, out.r, sizeof r);
}

inline void copy_async_16(void* to, const void* from, bool valid) {
  emulation::copy_async(to, from, valid ? 16 : 0, valid ? 0 : 16);
}
inline void copy_async_commit() { emulation::copy_commit(); }
template <int kGroupsLeft>
void copy_async_wait() {
  emulation::copy_wait(kGroupsLeft);
}

}  // namespace vmolmo::cuda
