#include "native/kernels/cuda/gemm_tensor.h"

#include <algorithm>
#include <type_traits>

#include "native/kernels/cuda/gemm_epilogue.cuh"
#include "native/kernels/cuda/gemm_load.cuh"

// Four warps compute a tile of y from tiles of x and w that travel to shared memory three deep, so
// that two steps of k are under way while one is multiplied. 48 KiB and 128 threads a block: two
// blocks share a multiprocessor on every chip from sm_80 on.
namespace vmolmo::cuda {
namespace {

constexpr int kThreads = kGemmThreads;
constexpr int kStages = 3;
constexpr int kGroupRows = 8;  // tiles of y that share w's tiles in the L2 cache

// This block's tile of y: blocks that run together take kGroupRows tiles of rows by as many of
// columns as it needs.
__device__ __forceinline__ int2 tile_of_block(int block, int tiles_m, int tiles_n) {
  const int group = block / (kGroupRows * tiles_n);
  const int first = group * kGroupRows;
  const int rows = min(kGroupRows, tiles_m - first);
  const int inside = block - group * kGroupRows * tiles_n;
  return make_int2(first + inside % rows, inside / rows);
}

template <Form FORM, int BM>
__device__ __forceinline__ auto x_rows(const TensorGemm& p, int64_t first) {
  if constexpr (FORM == Form::kMappedX) {
    return MappedRows<BM>(as_bf16(p.x), p.x_map, first, p.m);
  } else {
    return PlainRows{as_bf16(p.x), p.ldx, first, p.m};
  }
}

template <Form FORM, int BM, int BN, int WM, int WN>
__global__ void __launch_bounds__(kThreads) gemm_kernel(const GemmArguments arguments) {
  constexpr int kM = WM / 16, kN = WN / 8;
  constexpr int kPerColumn = FORM == Form::kGated ? 2 : 1;  // rows of w for each column of y
  using WeightRows = std::conditional_t<FORM == Form::kGated, PairedRows, PlainRows>;
  static_assert(BM / WM * (BN / WN) == kThreads / kWarpSize && WN % 16 == 0);
  constexpr int kStageElements = (BM + BN) * kStep;
  const TensorGemm& p = arguments.p;
  auto* shared = dynamic_shared<__nv_bfloat16>();
  const int2 tile =
      tile_of_block(static_cast<int>(blockIdx.x), arguments.tiles_m, arguments.tiles_n);
  const int64_t row0 = int64_t{tile.x} * BM, column0 = int64_t{tile.y} * (BN / kPerColumn);
  const int64_t k_begin = blockIdx.z * arguments.k_part;
  const int64_t k_end = min(p.k, k_begin + arguments.k_part);
  const int steps = k_end > k_begin ? static_cast<int>((k_end - k_begin + kStep - 1) / kStep) : 0;
  const int lane = static_cast<int>(threadIdx.x) % kWarpSize;
  const int warp = static_cast<int>(threadIdx.x) / kWarpSize;
  const int warp_row = warp / (BN / WN) * WM, warp_column = warp % (BN / WN) * WN;
  const auto x = x_rows<FORM, BM>(p, row0);
  const WeightRows w{as_bf16(p.w), p.ldw, column0, p.n};

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
    const int64_t row = row0 + warp_row + i * 16, column = column0 + warp_column / kPerColumn;
    if constexpr (FORM == Form::kGated) {
      float gated[kN / 2][4];
      gate(sums[i], gated);
      store_rows<FORM>(arguments, gated, staging, row, column, lane);
    } else {
      store_rows<FORM>(arguments, sums[i], staging, row, column, lane);
    }
  }
}

// Adds the parts in order, so that the result does not depend on which came first.
__global__ void add_parts_kernel(const GemmArguments arguments, int splits) {
  const TensorGemm& p = arguments.p;
  const int64_t count = p.m * p.n;
  for (int64_t at = first_item(); at < count; at += item_step()) {
    float sum = 0.0f;
    for (int part = 0; part < splits; ++part) sum += arguments.partials[part * count + at];
    const int64_t row = at / p.n, column = at % p.n;
    store_one(p, sum, column, row * p.ldy + column, row * p.ldr + column);
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

template <Form FORM, int BM, int BN, int WM, int WN>
void launch_tiles(Stream stream, GemmArguments& arguments, int splits) {
  arguments.tiles_m = static_cast<int>(ceil_div(arguments.p.m, BM));
  arguments.tiles_n = static_cast<int>(ceil_div(arguments.p.n, FORM == Form::kGated ? BN / 2 : BN));
  const auto blocks = static_cast<unsigned>(arguments.tiles_m * arguments.tiles_n);
  const size_t bytes = size_t{kStages} * (BM + BN) * kStep * sizeof(__nv_bfloat16);
  launch(gemm_kernel<FORM, BM, BN, WM, WN>,
         {dim3(blocks, 1, static_cast<unsigned>(splits)), kThreads, bytes, stream}, arguments);
}

template <Form FORM>
void launch_form(Stream stream, GemmArguments& arguments, const GemmPlan& plan) {
  constexpr bool kMapped = FORM == Form::kMappedX || FORM == Form::kMappedY;
  if (plan.tile == GemmPlan::Tile::k128x128)
    return launch_tiles<FORM, 128, 128, 64, 64>(stream, arguments, plan.splits);
  if constexpr (!kMapped) {
    if (plan.tile == GemmPlan::Tile::k16x128)
      return launch_tiles<FORM, 16, 128, 16, 32>(stream, arguments, plan.splits);
  }
  launch_tiles<FORM, 64, 64, 32, 32>(stream, arguments, plan.splits);
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
  GemmArguments arguments{};
  arguments.p = problem;
  arguments.partials = plan.splits > 1 ? static_cast<float*>(workspace) : nullptr;
  arguments.k_part =
      std::max<int64_t>(ceil_div(ceil_div(problem.k, plan.splits), kStep), 1) * kStep;
  arguments.x_aligned = problem.x_map.columns > 0 ? map_aligned(problem.x, problem.x_map)
                                                  : rows_aligned(problem.x, problem.ldx);
  arguments.w_aligned = rows_aligned(problem.w, problem.ldw);
  arguments.quads = quads_fit(problem, arguments.partials != nullptr);
  if (problem.x_map.columns > 0)
    launch_form<Form::kMappedX>(stream, arguments, plan);
  else if (problem.y_map.columns > 0)
    launch_form<Form::kMappedY>(stream, arguments, plan);
  else if (problem.swiglu)
    launch_form<Form::kGated>(stream, arguments, plan);
  else
    launch_form<Form::kPlain>(stream, arguments, plan);
  if (arguments.partials) {
    launch(add_parts_kernel, {grid_for(problem.m * problem.n, 256), 256, 0, stream}, arguments,
           plan.splits);
  }
}

}  // namespace vmolmo::cuda
