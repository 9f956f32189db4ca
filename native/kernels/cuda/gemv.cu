#include "native/kernels/cuda/gemv.h"

#include <algorithm>

#include "native/kernels/cuda/activation.cuh"
#include "native/kernels/cuda/gemv_formats.cuh"

// A block multiplies 16 rows of w with all rows of x; its eight warps share k. The tensor cores
// take the rows of w as their first operand, so that a lane's pieces go from memory straight into
// the fragments and no row of x costs more than another. Which k a lane holds is free as long as
// both operands agree, so x lies in shared memory in the order in which the format unpacks.
//
// x is split into two bf16 parts, the value and what rounding left of it, as further rows: the
// tensor core has room for them, and the products are those of x to about 16 bits.
namespace vmolmo::cuda {
namespace {

constexpr int kWarps = 8;
constexpr int kThreads = kWarps * kWarpSize;
constexpr int kTileRows = 16;  // of w per block
constexpr int kSteps = 4;      // whose loads are under way together
// Columns of x that lie in shared memory at a time: few, so that a block takes little of it (99 KiB
// are all that sm_86 and sm_89 have), starts soon, and reads x while its weights are on their way.
constexpr int64_t kStageColumns = 2048;

struct Arguments {
  Gemv p;
  int32_t k_stage;  // columns of x in shared memory at a time
};

template <typename Format>
struct Run {
  typename Format::Piece low[kSteps], high[kSteps];  // rows lane / 4 and 8 below
  float low_scale[kSteps], high_scale[kSteps];
};

// The rows of w that lane / 4 and lane / 4 + 8 stand for. Rows behind the end repeat the last one;
// their results are dropped.
struct RowPair {
  int64_t low, high;
};
__device__ __forceinline__ RowPair rows_of(const Gemv& p, int lane) {
  const int64_t last = p.n - 1, in_tile = lane / 4;
  if (p.swiglu) {
    const int64_t row = min(int64_t{blockIdx.x} * 8 + in_tile, last);
    return {row, p.n + row};
  }
  const int64_t row = int64_t{blockIdx.x} * kTileRows + in_tile;
  return {min(row, last), min(row + 8, last)};
}

template <typename Format>
__device__ __forceinline__ void load_run(Run<Format>& run, const Gemv& p, const RowPair& rows,
                                         int64_t k, int lane) {
  using Piece = typename Format::Piece;
  const auto* low = static_cast<const unsigned char*>(p.w) + rows.low * p.row_bytes;
  const auto* high = static_cast<const unsigned char*>(p.w) + rows.high * p.row_bytes;
  const int shift = p.group == 128 ? 7 : 6;
  const int64_t groups = (p.k + (int64_t{1} << shift) - 1) >> shift;
#pragma unroll
  for (int i = 0; i < kSteps; ++i) {
    const int64_t at = k + i * Format::kStep;
    const int64_t byte = Format::byte_of(at) + lane % 4 * int64_t{sizeof(Piece)};
    const bool inside = byte < Format::byte_of(p.k);
    run.low[i] = inside ? __ldcs(reinterpret_cast<const Piece*>(low + byte)) : Piece{};
    run.high[i] = inside ? __ldcs(reinterpret_cast<const Piece*>(high + byte)) : Piece{};
    if constexpr (Format::kGrouped) {
      // All four lanes of a row scale its sums, also those that have no piece of the last step.
      const bool any = at < p.k;
      const int64_t group = any ? at >> shift : 0;
      run.low_scale[i] = any ? Format::kUnit * __ldg(p.scales + rows.low * groups + group) : 0.0f;
      run.high_scale[i] = any ? Format::kUnit * __ldg(p.scales + rows.high * groups + group) : 0.0f;
    }
  }
}

// This lane's piece of x for a step: column lane / 4 of tile `tile` is a row of x, of the values
// for the first half of the columns, of the remainders for the second.
template <typename Format, int TILES>
__device__ __forceinline__ void load_x(uint32_t (&words)[Format::kWords], const uint16_t* x,
                                       int pitch, int64_t m, int k, int tile, int lane) {
  const int column = tile * 8 + lane / 4, half = TILES * 4;
  const int row = column % half;
#pragma unroll
  for (int i = 0; i < Format::kWords; ++i) words[i] = 0;
  if (row >= m) return;
  const int64_t line = row + (column >= half ? m : 0);
  const auto* from =
      reinterpret_cast<const uint4*>(x + line * pitch + k + lane % 4 * Format::kLane);
#pragma unroll
  for (int i = 0; i < Format::kWords / 4; ++i) {
    const uint4 quad = from[i];
    words[4 * i] = quad.x, words[4 * i + 1] = quad.y;
    words[4 * i + 2] = quad.z, words[4 * i + 3] = quad.w;
  }
}

template <typename Format, int TILES>
__device__ __forceinline__ void multiply_run(float (&sums)[TILES][4], const Run<Format>& run,
                                             const uint16_t* x, int pitch, int64_t m, int k,
                                             int lane) {
#pragma unroll
  for (int i = 0; i < kSteps; ++i) {
    uint32_t low[Format::kWords], high[Format::kWords];
    Format::unpack(low, run.low[i]);
    Format::unpack(high, run.high[i]);
#pragma unroll
    for (int tile = 0; tile < TILES; ++tile) {
      uint32_t words[Format::kWords];
      load_x<Format, TILES>(words, x, pitch, m, k + i * Format::kStep, tile, lane);
      float part[4] = {};
      float (&target)[4] = Format::kGrouped ? part : sums[tile];
#pragma unroll
      for (int j = 0; j < Format::kWords; j += 2) {
        const uint32_t a[4] = {low[j], high[j], low[j + 1], high[j + 1]};
        const uint32_t b[2] = {words[j], words[j + 1]};
        mma_m16n8k16(target, a, b, target);
      }
      if constexpr (Format::kGrouped) {
#pragma unroll
        for (int c = 0; c < 4; ++c)
          sums[tile][c] += part[c] * (c < 2 ? run.low_scale[i] : run.high_scale[i]);
      }
    }
  }
}

// Columns [begin, begin + count) of x in the format's order: the values of all rows, then the
// remainders; zero behind the end. With a norm they are weighted by it, and the sums of the squares
// of x go to `partial` [rows, warps]. Stages are the same for any number of rows.
template <typename Format>
__device__ __forceinline__ void stage_x(const Gemv& p, uint16_t* x, int pitch, int64_t begin,
                                        int count, float* partial) {
  for (int row = 0; row < p.m; ++row) {
    const float* from = p.x + row * p.ldx;
    float square = 0.0f;
#pragma unroll 4
    for (int place = static_cast<int>(threadIdx.x); place < count; place += kThreads) {
      const int64_t k = begin + Format::source_of(place);
      float v = k < p.k ? from[k] : 0.0f;
      if (p.norm) {
        square += v * v;
        v *= k < p.k ? p.norm[k] : 0.0f;
      }
      const __nv_bfloat16 value = __float2bfloat16(v);
      const __nv_bfloat16 remainder = __float2bfloat16(v - __bfloat162float(value));
      x[row * pitch + place] = __bfloat16_as_ushort(value);
      x[(p.m + row) * pitch + place] = __bfloat16_as_ushort(remainder);
    }
    if (!p.norm) continue;
    square = warp_reduce(square, Sum{});
    if (threadIdx.x % kWarpSize != 0) continue;
    float& sum = partial[row * kWarps + static_cast<int>(threadIdx.x) / kWarpSize];
    sum = begin > 0 ? sum + square : square;
  }
}

// 1 / root mean square of a row, or 1 without a norm: what the row's sums are multiplied with, as
// the norm is linear but for it.
__device__ __forceinline__ float inverse_of(const Gemv& p, const float* partial, int row) {
  if (!p.norm) return 1.0f;
  float square = 0.0f;
  for (int warp = 0; warp < kWarps; ++warp) square += partial[row * kWarps + warp];
  return 1.0f / sqrtf(square / static_cast<float>(p.k) + p.norm_eps);
}

// What the warps have for row `row` of the tile and row `m` of x, values and remainders together.
template <int TILES>
__device__ __forceinline__ float gather(const float* shared, int row, int m) {
  float sum = 0.0f;
  for (int warp = 0; warp < kWarps; ++warp) {
    const float* line = shared + (warp * kTileRows + row) * TILES * 8;
    sum += line[m] + line[m + TILES * 4];
  }
  return sum;
}

template <typename Format, int TILES>
__device__ __forceinline__ void finish(const Gemv& p, const float* shared, const float* partial) {
  const int tile_columns = p.swiglu ? 8 : kTileRows;
  for (int at = static_cast<int>(threadIdx.x); at < p.m * tile_columns; at += kThreads) {
    const int row = at / tile_columns, in_tile = at % tile_columns;
    const int64_t column = int64_t{blockIdx.x} * tile_columns + in_tile;
    if (column >= p.n) continue;
    const float inverse = inverse_of(p, partial, row);
    float v = gather<TILES>(shared, in_tile, row) * inverse;
    if (Format::kRowScale) v *= p.scales[column];
    if (p.swiglu) {
      float gate = gather<TILES>(shared, in_tile + 8, row) * inverse;
      if (Format::kRowScale) gate *= p.scales[p.n + column];
      v *= activate(gate, Activation::kSilu);
    } else {
      if (p.bias) v += p.bias[column];
      v = activate(v, p.activation);
      if (p.residual) v += p.residual[row * p.ldr + column];
    }
    p.y[row * p.ldy + column] = v;
  }
}

// Blocks that share a multiprocessor, so that one streams weights while another reads x: as many as
// there are registers for.
template <typename Format, int TILES>
constexpr int kResident = Format::kGrouped || TILES * Format::kWords > 8 ? 2 : 3;

template <typename Format, int TILES>
__global__ void __launch_bounds__(kThreads, kResident<Format, TILES>)
    gemv_kernel(const Arguments arguments) {
  constexpr int kRun = kSteps * Format::kStep;
  const Gemv& p = arguments.p;
  const int lane = static_cast<int>(threadIdx.x) % kWarpSize;
  const int warp = static_cast<int>(threadIdx.x) / kWarpSize;
  auto* partial = dynamic_shared<float>();
  auto* x = reinterpret_cast<uint16_t*>(partial + kGemvRows * kWarps);
  const int pitch = arguments.k_stage + Format::kPad;
  const RowPair rows = rows_of(p, lane);
  const int rounds = static_cast<int>((p.k + kWarps * kRun - 1) / (kWarps * kRun));
  const int rounds_per_stage = arguments.k_stage / (kWarps * kRun);

  // The first weights are on their way while x is prepared.
  Run<Format> run;
  load_run(run, p, rows, int64_t{warp} * kRun, lane);
  float sums[TILES][4] = {};
  for (int round = 0; round < rounds; ++round) {
    if (round % rounds_per_stage == 0) {
      __syncthreads();
      stage_x<Format>(p, x, pitch, int64_t{round} * kWarps * kRun, arguments.k_stage, partial);
      __syncthreads();
    }
    Run<Format> next;
    load_run(next, p, rows, (int64_t{round + 1} * kWarps + warp) * kRun, lane);
    multiply_run<Format, TILES>(sums, run, x, pitch, p.m,
                                (round % rounds_per_stage * kWarps + warp) * kRun, lane);
    run = next;
  }
  __syncthreads();
  auto* shared = reinterpret_cast<float*>(x);
#pragma unroll
  for (int tile = 0; tile < TILES; ++tile) {
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const int row = lane / 4 + i / 2 * 8, column = tile * 8 + lane % 4 * 2 + i % 2;
      shared[(warp * kTileRows + row) * TILES * 8 + column] = sums[tile][i];
    }
  }
  __syncthreads();
  finish<Format, TILES>(p, shared, partial);
}

template <typename Format, int TILES>
void launch_kernel(Stream stream, const Gemv& p) {
  constexpr int64_t kRound = int64_t{kWarps} * kSteps * Format::kStep;
  Arguments arguments{};
  arguments.p = p;
  static_assert(kStageColumns % kRound == 0);
  arguments.k_stage = static_cast<int32_t>(std::min(kStageColumns, ceil_div(p.k, kRound) * kRound));
  const size_t x_bytes = static_cast<size_t>(2 * p.m * (arguments.k_stage + Format::kPad)) * 2;
  constexpr size_t kSumBytes = size_t{kWarps} * kTileRows * TILES * 8 * sizeof(float);
  const size_t bytes = kGemvRows * kWarps * sizeof(float) + std::max(x_bytes, kSumBytes);
  const auto blocks = static_cast<unsigned>(ceil_div(p.n, p.swiglu ? 8 : kTileRows));
  launch(gemv_kernel<Format, TILES>, {dim3(blocks), kThreads, bytes, stream}, arguments);
}

template <typename Format>
void launch_format(Stream stream, const Gemv& p) {
  if (p.m <= 4)
    launch_kernel<Format, 1>(stream, p);
  else
    launch_kernel<Format, 2>(stream, p);
}

}  // namespace

bool gemv_supports(const Gemv& p) {
  using Format = Weight::Format;
  const bool four_bits = p.format == Format::kInt4 || p.format == Format::kFp4;
  return p.m >= 1 && p.m <= kGemvRows && p.n >= 1 && p.k >= 1 &&
         reinterpret_cast<uintptr_t>(p.w) % 16 == 0 && p.row_bytes % 16 == 0 &&
         (p.format != Format::kPlain || p.k % 8 == 0) &&
         (!four_bits || p.group == 64 || p.group == 128);
}

void gemv(Stream stream, const Gemv& p) {
  switch (p.format) {
    case Weight::Format::kPlain:
      return launch_format<PlainPieces>(stream, p);
    case Weight::Format::kInt8:
      return launch_format<Int8Pieces>(stream, p);
    case Weight::Format::kInt4:
      return launch_format<Int4Pieces>(stream, p);
    case Weight::Format::kFp4:
      return launch_format<Fp4Pieces>(stream, p);
  }
}

}  // namespace vmolmo::cuda
