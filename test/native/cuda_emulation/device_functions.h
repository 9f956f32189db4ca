#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>

#include "test/native/cuda_emulation/execution.h"

// Built-in functions of device code, as far as the kernels use them.

// Barriers and warp collectives.
inline void __syncthreads() { vmolmo::emulation::sync_block(); }
inline void __threadfence() {}
inline void __threadfence_block() {}

inline void __syncwarp(unsigned mask = 0xffffffffu) {
  vmolmo::emulation::warp_collective<char>(mask, "syncwarp", char{},
                                           [](const char*, char*, uint32_t) {});
}

namespace vmolmo::emulation {

template <typename T>
struct Shuffle {
  T value;
  int source;  // lane to read, own lane when out of range
};

template <typename T>
T shuffle(unsigned mask, T value, int source) {
  return warp_collective<T>(mask, "shuffle", Shuffle<T>{value, source},
                            [](const Shuffle<T>* in, T* out, uint32_t) {
                              for (int i = 0; i < kWarp; ++i) out[i] = in[in[i].source & 31].value;
                            });
}

template <typename T, typename Reduce>
T reduce(unsigned mask, T value, const Reduce& combine) {
  return warp_collective<T>(mask, "reduce", value, [&](const T* in, T* out, uint32_t lanes) {
    T total{};
    bool first = true;
    for (int i = 0; i < kWarp; ++i) {
      if (!(lanes >> i & 1u)) continue;
      total = first ? in[i] : combine(total, in[i]);
      first = false;
    }
    for (int i = 0; i < kWarp; ++i) out[i] = total;
  });
}

// The source lane of a shuffle inside segments of `width` lanes; the own lane outside of them.
inline int in_segment(int wanted, int width) {
  const int begin = lane() & ~(width - 1);
  return wanted >= begin && wanted < begin + width ? wanted : lane();
}

}  // namespace vmolmo::emulation

template <typename T>
T __shfl_sync(unsigned mask, T value, int source, int width = 32) {
  const int begin = vmolmo::emulation::lane() & ~(width - 1);
  return vmolmo::emulation::shuffle(mask, value, begin + (source & (width - 1)));
}
template <typename T>
T __shfl_xor_sync(unsigned mask, T value, int bits, int width = 32) {
  using namespace vmolmo::emulation;
  return shuffle(mask, value, in_segment(lane() ^ bits, width));
}
template <typename T>
T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = 32) {
  using namespace vmolmo::emulation;
  return shuffle(mask, value, in_segment(lane() + static_cast<int>(delta), width));
}
template <typename T>
T __shfl_up_sync(unsigned mask, T value, unsigned delta, int width = 32) {
  using namespace vmolmo::emulation;
  return shuffle(mask, value, in_segment(lane() - static_cast<int>(delta), width));
}
inline unsigned __ballot_sync(unsigned mask, int predicate) {
  const unsigned own = predicate ? 1u << vmolmo::emulation::lane() : 0u;
  return vmolmo::emulation::reduce(mask, own, [](unsigned a, unsigned b) { return a | b; });
}
inline int __any_sync(unsigned mask, int predicate) { return __ballot_sync(mask, predicate) != 0; }
inline int __all_sync(unsigned mask, int predicate) {
  return __ballot_sync(mask, predicate) == mask;
}
inline unsigned __reduce_add_sync(unsigned mask, unsigned value) {
  return vmolmo::emulation::reduce(mask, value, [](unsigned a, unsigned b) { return a + b; });
}
inline int __reduce_add_sync(unsigned mask, int value) {
  return vmolmo::emulation::reduce(mask, value, [](int a, int b) { return a + b; });
}
inline int __reduce_max_sync(unsigned mask, int value) {
  return vmolmo::emulation::reduce(mask, value, [](int a, int b) { return a > b ? a : b; });
}
inline int __reduce_min_sync(unsigned mask, int value) {
  return vmolmo::emulation::reduce(mask, value, [](int a, int b) { return a < b ? a : b; });
}
inline int __syncthreads_or(int predicate) {
  return vmolmo::emulation::sync_block_or(predicate != 0);
}

// Atomics: threads change places only at barriers, so plain code is atomic.
template <typename T>
T atomicAdd(T* address, std::type_identity_t<T> value) {
  const T old = *address;
  *address = static_cast<T>(old + value);
  return old;
}
template <typename T>
T atomicMax(T* address, std::type_identity_t<T> value) {
  const T old = *address;
  *address = old > value ? old : value;
  return old;
}
template <typename T>
T atomicMin(T* address, std::type_identity_t<T> value) {
  const T old = *address;
  *address = old < value ? old : value;
  return old;
}
template <typename T>
T atomicOr(T* address, std::type_identity_t<T> value) {
  const T old = *address;
  *address = old | value;
  return old;
}
template <typename T>
T atomicExch(T* address, std::type_identity_t<T> value) {
  const T old = *address;
  *address = value;
  return old;
}
template <typename T>
T atomicCAS(T* address, std::type_identity_t<T> expected, std::type_identity_t<T> value) {
  const T old = *address;
  if (old == expected) *address = value;
  return old;
}

// Loads and stores with cache hints.
template <typename T>
T __ldg(const T* address) {
  return *address;
}
template <typename T>
T __ldcs(const T* address) {
  return *address;
}
template <typename T>
T __ldcg(const T* address) {
  return *address;
}
template <typename T>
void __stcs(T* address, T value) {
  *address = value;
}

// Bits.
inline float __int_as_float(int bits) { return std::bit_cast<float>(bits); }
inline int __float_as_int(float value) { return std::bit_cast<int>(value); }
inline float __uint_as_float(unsigned bits) { return std::bit_cast<float>(bits); }
inline unsigned __float_as_uint(float value) { return std::bit_cast<unsigned>(value); }
inline int __popc(unsigned bits) { return std::popcount(bits); }
inline int __clz(int bits) { return std::countl_zero(static_cast<unsigned>(bits)); }
inline int __ffs(int bits) { return bits ? std::countr_zero(static_cast<unsigned>(bits)) + 1 : 0; }
inline unsigned __byte_perm(unsigned low, unsigned high, unsigned selector) {
  const uint64_t bytes = uint64_t{high} << 32 | low;
  unsigned result = 0;
  for (int i = 0; i < 4; ++i) {
    const unsigned pick = selector >> (4 * i) & 0xfu;
    unsigned byte = static_cast<unsigned>(bytes >> (8 * (pick & 7u))) & 0xffu;
    if (pick & 8u) byte = byte & 0x80u ? 0xffu : 0u;
    result |= byte << (8 * i);
  }
  return result;
}
inline int __dp4a(int a, int b, int sum) {
  for (int i = 0; i < 4; ++i) {
    sum += static_cast<int8_t>(a >> (8 * i)) * static_cast<int8_t>(b >> (8 * i));
  }
  return sum;
}

// Arithmetic. The fast forms are approximate on a device and exact here.
inline float rsqrtf(float x) { return 1.0f / std::sqrt(x); }
inline float __expf(float x) { return std::exp(x); }
inline float __logf(float x) { return std::log(x); }
inline float __fdividef(float a, float b) { return a / b; }
inline float __frcp_rn(float x) { return 1.0f / x; }
inline float __fmaf_rn(float a, float b, float c) { return std::fma(a, b, c); }
inline float __fadd_rn(float a, float b) { return a + b; }
inline float __fmul_rn(float a, float b) { return a * b; }
inline float __fdiv_rn(float a, float b) { return a / b; }
inline int __float2int_rn(float x) { return static_cast<int>(std::nearbyint(x)); }
inline int __float2int_rd(float x) { return static_cast<int>(std::floor(x)); }
using std::max;
using std::min;

#define CUDART_INF_F INFINITY
