#pragma once

#include "native/kernels/cuda/tile.cuh"

// The weight formats of tensor/weight.h as gemv reads them. Four lanes share a row of w: in a step
// of kStep columns each loads one Piece and unpacks it into kWords pairs of bf16, kLane = 2 kWords
// values. source_of() names the column that the place-th value of a row of x in shared memory comes
// from, so that it meets its weight. Integer codes are exact in bf16; scales are applied to sums.
namespace vmolmo::cuda {

struct PlainPieces {
  using Piece = uint4;
  static constexpr int kStep = 32, kLane = 8, kWords = 4;
  static constexpr int kPad = 32;  // values between rows of x: no bank twice in a quarter warp
  static constexpr bool kRowScale = false, kGrouped = false;

  __host__ __device__ static constexpr int64_t byte_of(int64_t k) { return k * 2; }
  __device__ static int source_of(int place) { return place; }
  __device__ __forceinline__ static void unpack(uint32_t (&words)[kWords], const Piece& piece) {
    words[0] = piece.x, words[1] = piece.y, words[2] = piece.z, words[3] = piece.w;
  }
};

struct Int8Pieces {
  using Piece = uint4;
  static constexpr int kStep = 64, kLane = 16, kWords = 8;
  static constexpr int kPad = 8;
  static constexpr bool kRowScale = true, kGrouped = false;

  __host__ __device__ static constexpr int64_t byte_of(int64_t k) { return k; }
  __device__ static int source_of(int place) { return place; }

  // Byte i of `codes` as a float: behind the exponent of 2^23 a byte is an integer, 128 too large.
  __device__ __forceinline__ static float value(uint32_t codes, int i) {
    constexpr float kOffset = 8388608.0f + 128.0f;
    return __uint_as_float(__byte_perm(codes, 0x4b000000u, 0x7440u | static_cast<unsigned>(i))) -
           kOffset;
  }
  __device__ __forceinline__ static void unpack(uint32_t (&words)[kWords], const Piece& piece) {
    const uint32_t quads[4] = {piece.x, piece.y, piece.z, piece.w};
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const uint32_t codes = quads[i] ^ 0x80808080u;
      words[2 * i] = pack_bf16(value(codes, 0), value(codes, 1));
      words[2 * i + 1] = pack_bf16(value(codes, 2), value(codes, 3));
    }
  }
};

// 64 columns are two chunks of 16 bytes; lanes 0, 1 of the four have the halves of the first, lanes
// 2, 3 of the second. Byte j of a chunk holds columns j (low nibble) and 16 + j.
struct FourBitPieces {
  using Piece = uint2;
  static constexpr int kStep = 64, kLane = 16, kWords = 8;
  static constexpr int kPad = 8;
  static constexpr bool kRowScale = false, kGrouped = true;
  static constexpr float kUnit = 1.0f;  // what a scale is multiplied with

  __host__ __device__ static constexpr int64_t byte_of(int64_t k) {
    return (k + 31) / 32 * 16;  // callers pass multiples of 32 or the end of a row
  }

 protected:
  // First column of the four bytes that word `word` of the lane's piece holds.
  __device__ static int first_column(int place) {
    const int lane = place / kLane % 4, word = place / 8 % 2;
    return place / kStep * kStep + lane / 2 * 32 + lane % 2 * 8 + word * 4;
  }
};

struct Int4Pieces : FourBitPieces {
  // Pairs come from bytes 0, 2 and 1, 3, first of the low nibbles.
  __device__ static int source_of(int place) {
    const int pair = place / 2 % 4;
    return first_column(place) + pair / 2 * 16 + pair % 2 + place % 2 * 2;
  }
  __device__ __forceinline__ static void unpack(uint32_t (&words)[kWords], const Piece& piece) {
    const uint32_t quads[2] = {piece.x, piece.y};
    constexpr int kShifts[4] = {0, 8, 4, 12};
    const __nv_bfloat162 zero = __floats2bfloat162_rn(136.0f, 136.0f);
#pragma unroll
    for (int i = 0; i < 8; ++i) {
      // 128 + code in bf16, less 136.
      const uint32_t bits = (quads[i / 4] >> kShifts[i % 4] & 0x000f000fu) | 0x43004300u;
      words[i] = bits_of(__hsub2(pair_of(bits), zero));
    }
  }
};

// The values times 192 are integers: 0, 1, 128, 192, 64, 96, 32, 48.
struct Fp4Pieces : FourBitPieces {
  static constexpr float kUnit = 1.0f / 192.0f;

  // Pairs are the two nibbles of one byte.
  __device__ static int source_of(int place) {
    return first_column(place) + place / 2 % 4 + place % 2 * 16;
  }
  __device__ __forceinline__ static void unpack(uint32_t (&words)[kWords], const Piece& piece) {
    const uint32_t quads[2] = {piece.x, piece.y};
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const uint32_t codes = quads[i / 2] >> (i % 2 * 16);  // four nibbles
      const uint32_t low = __byte_perm(0x40008000u, 0x4000c080u, codes & 0x7777u);
      const uint32_t high = __byte_perm(0x43433f00u, 0x42424242u, codes & 0x7777u);
      const uint32_t first = __byte_perm(low, high, 0x5140u);
      const uint32_t second = __byte_perm(low, high, 0x7362u);
      // Bit 3 of a nibble to the sign of its half: 3 -> 15, 7 -> 31; 11 -> 15, 15 -> 31.
      words[2 * i] = first ^ ((codes & 0x88u) * 0x01001000u & 0x80008000u);
      words[2 * i + 1] = second ^ ((codes & 0x8800u) * 0x00010010u & 0x80008000u);
    }
  }
};

}  // namespace vmolmo::cuda
