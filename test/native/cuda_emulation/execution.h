#pragma once

#include <cstdint>
#include <cstring>
#include <functional>
#include <string>
#include <tuple>
#include <type_traits>

#include "test/native/cuda_emulation/cuda_runtime_api.h"

// Blocks run one after the other, the threads of a block as fibers that change places at barriers
// and warp collectives only. What is checked while they run:
//  - a barrier is reached by every thread of the block, a collective by every lane of its mask;
//  - global memory has inaccessible pages behind it (runtime.cc); dynamic shared memory too;
//  - fresh global and shared memory is full of NaN (every byte 0xff); static __shared__ arrays are
//    refilled before every block, those of function templates excepted.

#define __global__
#define __device__
#define __host__
#define __constant__ static
#define __grid_constant__
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(...)
#define __align__(n) alignas(n)
// A section of its own, so that all of it can be found and refilled.
#define __shared__ static __attribute__((section("vmolmo_shared")))

extern uint3 threadIdx;
extern uint3 blockIdx;
extern dim3 blockDim;
extern dim3 gridDim;
constexpr int warpSize = 32;

namespace vmolmo::emulation {

constexpr int kWarp = 32;

// Runs body once per thread of every block. Throws what a thread throws.
void run_grid(dim3 grid, dim3 block, size_t shared_bytes, const std::string& kernel,
              const std::function<void()>& body);

// Adds work to the stream (runtime.cc): run now, kept for a synchronisation, or recorded.
void enqueue_kernel(cudaStream_t stream, std::function<void()> work);

// For the running thread.
void* shared_memory();
int linear_thread();
int lane();
void sync_block();
int sync_block_or(int predicate);

// The lanes of `mask` put in their inputs; when the last one has arrived, combine(in, out, mask)
// computes every lane's output. Inputs and outputs: at most 64 bytes each.
using Combine = void (*)(const std::byte (*in)[64], std::byte (*out)[64], uint32_t mask,
                         const void* extra);
void collective(uint32_t mask, const char* kind, const void* in, size_t in_bytes, void* out,
                size_t out_bytes, Combine combine, const void* extra);

// A collective of typed values: compute(inputs[32], outputs[32], mask).
template <typename Out, typename In, typename Compute>
Out warp_collective(uint32_t mask, const char* kind, const In& in, const Compute& compute) {
  static_assert(sizeof(In) <= 64 && sizeof(Out) <= 64);
  static_assert(std::is_trivially_copyable_v<In> && std::is_trivially_copyable_v<Out>);
  Out out{};
  const auto combine = [](const std::byte(*ins)[64], std::byte(*outs)[64], uint32_t lanes,
                          const void* extra) {
    In inputs[kWarp];
    Out outputs[kWarp]{};
    for (int i = 0; i < kWarp; ++i) std::memcpy(&inputs[i], ins[i], sizeof(In));
    (*static_cast<const Compute*>(extra))(inputs, outputs, lanes);
    for (int i = 0; i < kWarp; ++i) std::memcpy(outs[i], &outputs[i], sizeof(Out));
  };
  collective(mask, kind, &in, sizeof(In), &out, sizeof(Out), combine, &compute);
  return out;
}

// Asynchronous copies of the running thread (cp.async): the bytes arrive when waited for.
void copy_async(void* to, const void* from, size_t bytes, size_t zeros);
void copy_commit();
void copy_wait(int groups_left);

// `name` tells people which launch it is.
template <typename... Parameters, typename... Arguments>
void launch(void (*kernel)(Parameters...), dim3 grid, dim3 block, size_t shared_bytes,
            cudaStream_t stream, const std::string& name, Arguments&&... arguments) {
  std::tuple<std::decay_t<Parameters>...> kept(std::forward<Arguments>(arguments)...);
  enqueue_kernel(stream, [=] {
    run_grid(grid, block, shared_bytes, name, [&] { std::apply(kernel, kept); });
  });
}

}  // namespace vmolmo::emulation
