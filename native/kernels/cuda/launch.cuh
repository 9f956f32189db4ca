#pragma once

// How this room works
// -------------------
// NO DEVICE HAS RUN THIS CODE YET unless docs/development.md says so. Every .cu file is compiled
// twice: by nvcc for the addon, and by the C++ compiler for the tests, where
// test/native/cuda_emulation stands in for CUDA and runs the threads of a block as fibers.
//
// Writing a kernel:
//  - <family>.h declares host functions in plain C++ (pointers, sizes, a Stream; no CUDA header);
//    <family>.cu has the kernels in an anonymous namespace and the functions that launch them. The
//    ops of native/ops check shapes and call these functions; a kernel trusts its caller.
//  - Launch with launch(kernel, {grid, block, shared_bytes, stream}, arguments...); <<<>>> is no
//    C++. Arguments are copied at the call, so pass pointers and values, not references.
//  - Dynamic shared memory: dynamic_shared<T>(). Static __shared__ arrays work too; in function
//    templates prefer the dynamic ones, the emulation fills only those with NaN.
//  - Every thread reaches every __syncthreads(): mask work, do not return early before a barrier.
//    Warp collectives name the lanes that take part; all of them must come. __activemask() is not
//    there, on purpose.
//  - PTX lives in ptx.cuh behind functions with an exact C++ counterpart. Other inline assembly
//    cannot be tested.
//  - Nothing that runs inside a frame allocates with cudaMalloc, synchronises or uses the null
//    stream: memory comes from the Context's pool, so the same code can be captured in a graph.
//  - A missing built-in of CUDA is added to the emulation (device_functions.h), not worked around.
//
// Testing a kernel: test/native/cuda/<family>.cc compares with the CPU's op or reference on odd
// shapes, under several thread orders (support.h, for_each_order). Build with
//   cmake -S . -B build -DVMOLMO_TESTS=ON && cmake --build build --target videomolmo_cuda_tests
//   build/videomolmo_cuda_tests [part of a name]
// (videomolmo_cuda_device_tests: the same cases on a real device)
// and for a device: cmake --build build --target videomolmo_cuda.
// -DCMAKE_CUDA_ARCHITECTURES=80-real shortens that during development.

#include <cuda_bf16.h>
#include <cuda_runtime.h>

#include <cstdint>
#include <source_location>
#include <utility>

#include "native/kernels/cuda/check.h"
#include "native/kernels/cuda/stream.h"

namespace vmolmo::cuda {

struct LaunchShape {
  dim3 grid;
  dim3 block;
  size_t shared_bytes = 0;
  Stream stream = nullptr;
  std::source_location where = std::source_location::current();
};

// Starts a kernel on a stream. An empty grid starts nothing. Throws when the launch is refused;
// what goes wrong while the kernel runs shows at the next synchronisation.
template <typename... Parameters, typename... Arguments>
void launch(void (*kernel)(Parameters...), const LaunchShape& shape, Arguments&&... arguments) {
  if (shape.grid.x == 0 || shape.grid.y == 0 || shape.grid.z == 0) return;
  constexpr size_t kAlwaysAllowed = size_t{48} << 10;
  if (shape.shared_bytes > kAlwaysAllowed) {
    check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                               static_cast<int>(shape.shared_bytes)),
          "reserve a block's shared memory");
  }
#ifdef VMOLMO_CUDA_EMULATION
  emulation::launch(kernel, shape.grid, shape.block, shape.shared_bytes, shape.stream,
                    concat(shape.where.file_name(), ":", shape.where.line()),
                    std::forward<Arguments>(arguments)...);
#else
  cudaLaunchConfig_t config{};
  config.gridDim = shape.grid;
  config.blockDim = shape.block;
  config.dynamicSmemBytes = shape.shared_bytes;
  config.stream = shape.stream;
  cudaLaunchKernelEx(&config, kernel, static_cast<Parameters>(arguments)...);
#endif
  if (const cudaError_t error = cudaGetLastError(); error != cudaSuccess) {
    fail(Code::kDeviceUnavailable, "CUDA refused a launch at ", shape.where.file_name(), ":",
         shape.where.line(), ": ", cudaGetErrorString(error), ".");
  }
}

// The block's dynamic shared memory, 16-byte aligned.
template <typename T>
__device__ __forceinline__ T* dynamic_shared() {
#ifdef VMOLMO_CUDA_EMULATION
  return static_cast<T*>(emulation::shared_memory());
#else
  extern __shared__ __align__(16) unsigned char vmolmo_dynamic_shared[];
  return reinterpret_cast<T*>(vmolmo_dynamic_shared);
#endif
}

constexpr int kWarpSize = 32;
constexpr unsigned kAllLanes = 0xffffffffu;

constexpr int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

// Blocks for `count` items that a grid-stride loop visits; never more than a device can use well.
inline unsigned grid_for(int64_t count, int64_t per_block) {
#ifdef VMOLMO_CUDA_EMULATION
  constexpr int64_t kEnough = 3;  // a block costs more there than its work
#else
  constexpr int64_t kEnough = 65535;
#endif
  const int64_t blocks = ceil_div(count, per_block);
  return static_cast<unsigned>(blocks < kEnough ? blocks : kEnough);
}

// This thread's first item and the step of a grid-stride loop over a one-dimensional grid.
__device__ __forceinline__ int64_t first_item() {
  return static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
}
__device__ __forceinline__ int64_t item_step() {
  return static_cast<int64_t>(gridDim.x) * blockDim.x;
}

// Elements of either type as float.
__device__ __forceinline__ float load_float(const float* p) { return *p; }
__device__ __forceinline__ float load_float(const __nv_bfloat16* p) { return __bfloat162float(*p); }
__device__ __forceinline__ void store_float(float* p, float value) { *p = value; }
__device__ __forceinline__ void store_float(__nv_bfloat16* p, float value) {
  *p = __float2bfloat16(value);
}

struct Sum {
  __device__ __forceinline__ static float identity() { return 0.0f; }
  __device__ __forceinline__ float operator()(float a, float b) const { return a + b; }
};
struct Max {
  __device__ __forceinline__ static float identity() { return -INFINITY; }
  __device__ __forceinline__ float operator()(float a, float b) const { return a > b ? a : b; }
};

// The result in every lane.
template <typename Combine>
__device__ __forceinline__ float warp_reduce(float value, Combine combine) {
#pragma unroll
  for (int bits = kWarpSize / 2; bits > 0; bits /= 2) {
    value = combine(value, __shfl_xor_sync(kAllLanes, value, bits));
  }
  return value;
}

// The result in every thread of a one-dimensional block of whole warps. `partial`: kWarpSize floats
// of shared memory; free again after the call.
template <typename Combine>
__device__ __forceinline__ float block_reduce(float value, float* partial, Combine combine) {
  const int lane = static_cast<int>(threadIdx.x) % kWarpSize;
  const int warp = static_cast<int>(threadIdx.x) / kWarpSize;
  const int warps = static_cast<int>(blockDim.x) / kWarpSize;
  value = warp_reduce(value, combine);
  if (lane == 0) partial[warp] = value;
  __syncthreads();
  value = lane < warps ? partial[lane] : Combine::identity();
  __syncthreads();
  return warp_reduce(value, combine);
}

}  // namespace vmolmo::cuda
