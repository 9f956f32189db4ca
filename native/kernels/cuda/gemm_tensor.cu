#include "native/kernels/cuda/gemm_tensor.h"

#include <algorithm>

#include "native/kernels/cuda/activation.cuh"
#include "native/kernels/cuda/gemm_load.cuh"

// Four warps compute a tile of y from tiles of x and w that travel to shared memory three deep, so
// that two steps of k are under way while one is multiplied. 48 KiB and 128 threads a block: two
// blocks share a multiprocessor on every chip from sm_80 on.
namespace vmolmo::cuda {
namespace {

constexpr int kThreads = kGemmThreads;
constexpr int kStages = 3;
constexpr int kGroupRows = 8;  // tiles of y that share w's tiles in the L2 cache

// Which of the matrices has a RowMap.
enum class Mapped : uint8_t { kNone, kX, kY };

struct Arguments {
  TensorGemm p;
  float* partials;  // [splits, m, n], null when k is not split
  int64_t k_part;   // multiple of kStep
  int tiles_m, tiles_n;
  bool x_aligned, w_aligned, y_quads;
};

// This block's tile of y: blocks that run together take kGroupRows tiles of rows by as many of
// columns as it needs.
__device__ __forceinline__ int2 tile_of_block(int block, int tiles_m, int tiles_n) {
  const int group = block / (kGroupRows * tiles_n);
  const int first = group * kGroupRows;
  const int rows = min(kGroupRows, tiles_m - first);
  const int inside = block - group * kGroupRows * tiles_n;
  return make_int2(first + inside % rows, inside / rows);
}

// `residual`: of this element, where there is one.
__device__ __forceinline__ float finish(const TensorGemm& p, float sum, int64_t column,
                                        const float* residual) {
  if (p.bias) sum += p.bias[column];
  if (p.activate_last) return activate(residual ? sum + *residual : sum, p.activation);
  sum = activate(sum, p.activation);
  return residual ? sum + *residual : sum;
}

// Four neighbouring sums of one row, or as many as lie inside y.
template <Mapped MAPPED>
__device__ __forceinline__ void store_quad(const Arguments& a, const float4& quad, int64_t row,
                                           int64_t column) {
  const TensorGemm& p = a.p;
  if (row >= p.m || column >= p.n) return;
  float* to;
  const float* residual = nullptr;
  if constexpr (MAPPED == Mapped::kY) {
    const int64_t offset = element_offset(p.y_map, column);
    to = p.y + row_start(p.y_map, row, p.y_map.image_step) + offset;
    if (p.residual) residual = p.residual + row_start(p.y_map, row, p.residual_image_step) + offset;
  } else {
    to = a.partials ? a.partials + (blockIdx.z * p.m + row) * p.n + column
                    : p.y + row * p.ldy + column;
    if (p.residual) residual = p.residual + row * p.ldr + column;
  }
  float v[4] = {quad.x, quad.y, quad.z, quad.w};
  if (!a.partials) {
#pragma unroll
    for (int i = 0; i < 4; ++i)
      if (column + i < p.n) v[i] = finish(p, v[i], column + i, residual ? residual + i : nullptr);
  }
  if (a.y_quads && column + 4 <= p.n) {
    *reinterpret_cast<float4*>(to) = make_float4(v[0], v[1], v[2], v[3]);
    return;
  }
#pragma unroll
  for (int i = 0; i < 4; ++i)
    if (column + i < p.n) to[i] = v[i];
}

// 16 rows of a warp's sums through its own part of shared memory, so that whole lines are written.
template <Mapped MAPPED, int N>
__device__ __forceinline__ void store_rows(const Arguments& arguments, const float (&sums)[N][4],
                                           float* staging, int64_t row, int64_t column, int lane) {
  constexpr int kPitch = N * 8 + 8;
  float* own = staging + lane / 4 * kPitch + lane % 4 * 2;
  __syncwarp();
#pragma unroll
  for (int j = 0; j < N; ++j) {
    *reinterpret_cast<float2*>(own + j * 8) = make_float2(sums[j][0], sums[j][1]);
    *reinterpret_cast<float2*>(own + 8 * kPitch + j * 8) = make_float2(sums[j][2], sums[j][3]);
  }
  __syncwarp();
#pragma unroll 1
  for (int at = lane; at < 16 * N * 2; at += kWarpSize) {
    const int r = at / (N * 2), c = at % (N * 2) * 4;
    store_quad<MAPPED>(arguments, *reinterpret_cast<const float4*>(staging + r * kPitch + c),
                       row + r, column + c);
  }
}

template <Mapped MAPPED, int BM>
__device__ __forceinline__ auto x_rows(const TensorGemm& p, int64_t first) {
  if constexpr (MAPPED == Mapped::kX) {
    return MappedRows<BM>(as_bf16(p.x), p.x_map, first, p.m);
  } else {
    return PlainRows{as_bf16(p.x), p.ldx, first, p.m};
  }
}

template <Mapped MAPPED, int BM, int BN, int WM, int WN>
__global__ void __launch_bounds__(kThreads) gemm_kernel(const Arguments arguments) {
  constexpr int kM = WM / 16, kN = WN / 8;
  static_assert(BM / WM * (BN / WN) == kThreads / kWarpSize && WN % 16 == 0);
  constexpr int kStageElements = (BM + BN) * kStep;
  const TensorGemm& p = arguments.p;
  auto* shared = dynamic_shared<__nv_bfloat16>();
  const int2 tile =
      tile_of_block(static_cast<int>(blockIdx.x), arguments.tiles_m, arguments.tiles_n);
  const int64_t row0 = int64_t{tile.x} * BM, column0 = int64_t{tile.y} * BN;
  const int64_t k_begin = blockIdx.z * arguments.k_part;
  const int64_t k_end = min(p.k, k_begin + arguments.k_part);
  const int steps = k_end > k_begin ? static_cast<int>((k_end - k_begin + kStep - 1) / kStep) : 0;
  const int lane = static_cast<int>(threadIdx.x) % kWarpSize;
  const int warp = static_cast<int>(threadIdx.x) / kWarpSize;
  const int warp_row = warp / (BN / WN) * WM, warp_column = warp % (BN / WN) * WN;
  const auto x = x_rows<MAPPED, BM>(p, row0);
  const PlainRows w{as_bf16(p.w), p.ldw, column0, p.n};

  const auto load = [&](int step) {
    if (step < steps) {
      __nv_bfloat16* stage = shared + step % kStages * kStageElements;
      const int64_t k = k_begin + int64_t{step} * kStep;
      load_tile<BM>(stage, x, k, k_end, arguments.x_aligned);
      load_tile<BN>(stage + BM * kStep, w, k, k_end, arguments.w_aligned);
    }
    copy_async_commit();
  };
  float sums[kM][kN][4] = {};
  for (int step = 0; step < kStages - 1; ++step) load(step);
  for (int step = 0; step < steps; ++step) {
    copy_async_wait<kStages - 2>();
    // Behind this barrier the stage has arrived for everybody, and nobody reads the one before it.
    __syncthreads();
    load(step + kStages - 1);
    const __nv_bfloat16* stage = shared + step % kStages * kStageElements;
#pragma unroll
    for (int chunk = 0; chunk < kStepChunks; chunk += 2) {
      uint32_t a[kM][4], b[kN / 2][4];
#pragma unroll
      for (int i = 0; i < kM; ++i) load_a<kStepChunks>(a[i], stage, warp_row + i * 16, chunk, lane);
#pragma unroll
      for (int j = 0; j < kN / 2; ++j)
        load_b<kStepChunks>(b[j], stage + BM * kStep, warp_column + j * 16, chunk, lane);
#pragma unroll
      for (int i = 0; i < kM; ++i) {
#pragma unroll
        for (int j = 0; j < kN / 2; ++j) mma_pair(sums[i][2 * j], sums[i][2 * j + 1], a[i], b[j]);
      }
    }
  }
  copy_async_wait<0>();
  __syncthreads();
  float* staging = reinterpret_cast<float*>(shared) + warp * 16 * (WN + 8);
#pragma unroll
  for (int i = 0; i < kM; ++i) {
    store_rows<MAPPED>(arguments, sums[i], staging, row0 + warp_row + i * 16, column0 + warp_column,
                       lane);
  }
}

// Adds the parts in order, so that the result does not depend on which came first.
__global__ void add_parts_kernel(const Arguments arguments, int splits) {
  const TensorGemm& p = arguments.p;
  const int64_t count = p.m * p.n;
  for (int64_t at = first_item(); at < count; at += item_step()) {
    float sum = 0.0f;
    for (int part = 0; part < splits; ++part) sum += arguments.partials[part * count + at];
    const int64_t row = at / p.n, column = at % p.n;
    const float* residual = p.residual ? p.residual + row * p.ldr + column : nullptr;
    p.y[row * p.ldy + column] = finish(p, sum, column, residual);
  }
}

// Eight columns per thread.
__global__ void round_rows_kernel(const float* x, int64_t ldx, uint16_t* y, int64_t ldy,
                                  int64_t rows, int64_t columns, bool aligned) {
  const int64_t chunks = ldy / kChunk;
  for (int64_t at = first_item(); at < rows * chunks; at += item_step()) {
    const int64_t row = at / chunks, column = at % chunks * kChunk;
    const float* from = x + row * ldx + column;
    float v[kChunk];
    if (aligned && column + kChunk <= columns) {
      const auto* quads = reinterpret_cast<const float4*>(from);
      const float4 low = quads[0], high = quads[1];
      v[0] = low.x, v[1] = low.y, v[2] = low.z, v[3] = low.w;
      v[4] = high.x, v[5] = high.y, v[6] = high.z, v[7] = high.w;
    } else {
      for (int i = 0; i < kChunk; ++i) v[i] = column + i < columns ? from[i] : 0.0f;
    }
    const uint4 packed = make_uint4(pack_bf16(v[0], v[1]), pack_bf16(v[2], v[3]),
                                    pack_bf16(v[4], v[5]), pack_bf16(v[6], v[7]));
    *reinterpret_cast<uint4*>(y + row * ldy + column) = packed;
  }
}

bool rows_aligned(const void* data, int64_t ld) {
  return reinterpret_cast<uintptr_t>(data) % 16 == 0 && ld % kChunk == 0;
}

// Pieces of 16 bytes lie within a run and start at multiples of 16 bytes.
bool map_aligned(const void* data, const RowMap& m) {
  const int64_t steps = m.column_step | m.line_step | m.image_step | m.run | m.run_step;
  return reinterpret_cast<uintptr_t>(data) % 16 == 0 && steps % kChunk == 0;
}

template <Mapped MAPPED, int BM, int BN, int WM, int WN>
void launch_tiles(Stream stream, Arguments& arguments, int splits) {
  arguments.tiles_m = static_cast<int>(ceil_div(arguments.p.m, BM));
  arguments.tiles_n = static_cast<int>(ceil_div(arguments.p.n, BN));
  const auto blocks = static_cast<unsigned>(arguments.tiles_m * arguments.tiles_n);
  const size_t bytes = size_t{kStages} * (BM + BN) * kStep * sizeof(__nv_bfloat16);
  launch(gemm_kernel<MAPPED, BM, BN, WM, WN>,
         {dim3(blocks, 1, static_cast<unsigned>(splits)), kThreads, bytes, stream}, arguments);
}

template <Mapped MAPPED>
void launch_mapped(Stream stream, Arguments& arguments, const GemmPlan& plan) {
  if (plan.tile == GemmPlan::Tile::k128x128)
    launch_tiles<MAPPED, 128, 128, 64, 64>(stream, arguments, plan.splits);
  else
    launch_tiles<MAPPED, 64, 64, 32, 32>(stream, arguments, plan.splits);
}

}  // namespace

GemmPlan plan_gemm(int64_t m, int64_t n, int64_t k, int multiprocessors) {
  GemmPlan plan;
  const auto tiles = [&](int64_t bm, int64_t bn) { return ceil_div(m, bm) * ceil_div(n, bn); };
  int64_t blocks = tiles(128, 128);
  if (m <= 16) {
    plan.tile = GemmPlan::Tile::k16x128;
    blocks = tiles(16, 128);
  } else if (m <= 64 || n <= 64 || blocks < multiprocessors) {
    plan.tile = GemmPlan::Tile::k64x64;
    blocks = tiles(64, 64);
  }
  // Parts of at least 512 of k: shorter ones spend their time on filling the stages.
  const int64_t wanted = ceil_div(2 * multiprocessors, std::max<int64_t>(blocks, 1));
  if (blocks < multiprocessors)
    plan.splits = static_cast<int>(std::clamp<int64_t>(std::min(wanted, k / 512), 1, 32));
  return plan;
}

size_t gemm_workspace_bytes(const GemmPlan& plan, int64_t m, int64_t n) {
  return plan.splits > 1 ? sizeof(float) * static_cast<size_t>(plan.splits * m * n) : 0;
}

void gemm_tensor(Stream stream, const TensorGemm& problem, const GemmPlan& plan, void* workspace) {
  if (problem.m == 0 || problem.n == 0) return;
  Arguments arguments{};
  arguments.p = problem;
  arguments.partials = plan.splits > 1 ? static_cast<float*>(workspace) : nullptr;
  arguments.k_part =
      std::max<int64_t>(ceil_div(ceil_div(problem.k, plan.splits), kStep), 1) * kStep;
  arguments.x_aligned = problem.x_map.columns > 0 ? map_aligned(problem.x, problem.x_map)
                                                  : rows_aligned(problem.x, problem.ldx);
  arguments.w_aligned = rows_aligned(problem.w, problem.ldw);
  arguments.y_quads =
      arguments.partials ? problem.n % 4 == 0
                         : problem.ldy % 4 == 0 && reinterpret_cast<uintptr_t>(problem.y) % 16 == 0;
  if (problem.x_map.columns > 0)
    launch_mapped<Mapped::kX>(stream, arguments, plan);
  else if (problem.y_map.columns > 0)
    launch_mapped<Mapped::kY>(stream, arguments, plan);
  else if (plan.tile == GemmPlan::Tile::k16x128)
    launch_tiles<Mapped::kNone, 16, 128, 16, 32>(stream, arguments, plan.splits);
  else
    launch_mapped<Mapped::kNone>(stream, arguments, plan);
  if (arguments.partials) {
    launch(add_parts_kernel, {grid_for(problem.m * problem.n, 256), 256, 0, stream}, arguments,
           plan.splits);
  }
}

void round_rows(Stream stream, const float* x, int64_t ldx, uint16_t* y, int64_t ldy, int64_t rows,
                int64_t columns) {
  const bool aligned = reinterpret_cast<uintptr_t>(x) % 16 == 0 && ldx % 4 == 0;
  launch(round_rows_kernel, {grid_for(rows * (ldy / kChunk), 256), 256, 0, stream}, x, ldx, y, ldy,
         rows, columns, aligned);
}

}  // namespace vmolmo::cuda
