#pragma once

#include <cstdint>

// CUDA's built-in vector types, as far as the kernels use them.

#define VMOLMO_EMULATED_VECTORS(Scalar, name, align2, align4)                       \
  struct alignas(align2) name##2 { Scalar x, y; };                                  \
  struct name##3 { Scalar x, y, z; };                                               \
  struct alignas(align4) name##4 { Scalar x, y, z, w; };                            \
  inline name##2 make_##name##2(Scalar x, Scalar y) { return {x, y}; }              \
  inline name##3 make_##name##3(Scalar x, Scalar y, Scalar z) { return {x, y, z}; } \
  inline name##4 make_##name##4(Scalar x, Scalar y, Scalar z, Scalar w) { return {x, y, z, w}; }

VMOLMO_EMULATED_VECTORS(int8_t, char, 2, 4)
VMOLMO_EMULATED_VECTORS(uint8_t, uchar, 2, 4)
VMOLMO_EMULATED_VECTORS(int16_t, short, 4, 8)
VMOLMO_EMULATED_VECTORS(uint16_t, ushort, 4, 8)
VMOLMO_EMULATED_VECTORS(int32_t, int, 8, 16)
VMOLMO_EMULATED_VECTORS(uint32_t, uint, 8, 16)
VMOLMO_EMULATED_VECTORS(float, float, 8, 16)
VMOLMO_EMULATED_VECTORS(long long, longlong, 16, 16)
VMOLMO_EMULATED_VECTORS(double, double, 16, 16)
#undef VMOLMO_EMULATED_VECTORS

struct dim3 {
  unsigned x = 1, y = 1, z = 1;
  constexpr dim3(unsigned vx = 1, unsigned vy = 1, unsigned vz = 1) : x(vx), y(vy), z(vz) {}
};
