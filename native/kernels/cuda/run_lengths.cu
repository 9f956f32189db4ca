#include "native/kernels/cuda/run_lengths.h"

#include <algorithm>

#include "native/kernels/cuda/launch.cuh"

namespace vmolmo::cuda {
namespace {

constexpr int kLines = 32;  // of a word
constexpr int kColumnThreads = 128, kScanThreads = 1024, kThreads = 256;
constexpr int64_t kMostRows = 65535;  // of a grid

// A thread reads 32 lines of a column; neighbours take neighbouring columns.
__global__ void __launch_bounds__(kColumnThreads)
    bits_kernel(const uint8_t* masks, ColumnBits c, int64_t segments) {
  const int64_t x = first_item();
  if (x >= c.w) return;
  for (int64_t i = blockIdx.y; i < c.masks * segments; i += gridDim.y) {
    const int64_t mask = i / segments, segment = i % segments;
    const uint8_t* from = masks + (mask * c.h + segment * kLines) * c.w + x;
    const auto count = static_cast<int>(min(c.h - segment * kLines, int64_t{kLines}));
    uint32_t bits = 0;
#pragma unroll 8
    for (int y = 0; y < count; ++y) bits |= from[y * c.w] ? 1u << y : 0u;
    c.bits[(mask * c.w + x) * segments + segment] = bits;
  }
}

// Where word i of a mask differs from the pixel before, down the columns; background lies before
// the first.
__device__ __forceinline__ uint32_t changes_of(const uint32_t* bits, int64_t i, int64_t h,
                                               int64_t segments) {
  const bool top = i % segments == 0, bottom = i % segments == segments - 1;
  const auto last_line = static_cast<int>((h - 1) % kLines);
  uint32_t before = 0;
  if (i > 0) before = bits[i - 1] >> (top ? last_line : kLines - 1) & 1u;
  const uint32_t valid = bottom ? 0xffffffffu >> (kLines - 1 - last_line) : 0xffffffffu;
  return (bits[i] ^ (bits[i] << 1 | before)) & valid;
}

// Sums of all lanes up to this one.
__device__ __forceinline__ int inclusive_scan(int value, int lane) {
#pragma unroll
  for (int step = 1; step < kWarpSize; step *= 2) {
    const int other = __shfl_up_sync(kAllLanes, value, static_cast<unsigned>(step));
    if (lane >= step) value += other;
  }
  return value;
}

// One block for each mask.
__global__ void __launch_bounds__(kScanThreads) scan_kernel(ColumnBits c, int64_t segments) {
  __shared__ int warp_sums[kWarpSize];
  const int64_t words = c.w * segments, begin = blockIdx.x * words;
  const int lane = static_cast<int>(threadIdx.x) % kWarpSize;
  const int warp = static_cast<int>(threadIdx.x) / kWarpSize;
  int total = 0;
  for (int64_t base = 0; base < words; base += kScanThreads) {
    const int64_t i = base + threadIdx.x;
    const int own = i < words ? __popc(changes_of(c.bits + begin, i, c.h, segments)) : 0;
    const int inside = inclusive_scan(own, lane);
    if (lane == kWarpSize - 1) warp_sums[warp] = inside;
    __syncthreads();
    const int sums = inclusive_scan(warp_sums[lane], lane);
    const int before = __shfl_sync(kAllLanes, sums - warp_sums[lane], warp);
    if (i < words) c.starts[begin + i] = total + before + inside - own;
    total += __shfl_sync(kAllLanes, sums, kWarpSize - 1);
    __syncthreads();
  }
  if (threadIdx.x == 0) c.changes[blockIdx.x] = total;
}

// Where the values change, in order.
__global__ void __launch_bounds__(kThreads)
    positions_kernel(ColumnBits c, int64_t segments, const int64_t* offsets, uint32_t* positions) {
  const int64_t words = c.w * segments;
  for (int64_t i = first_item(); i < c.masks * words; i += item_step()) {
    const int64_t mask = i / words, word = i % words;
    uint32_t changes = changes_of(c.bits + mask * words, word, c.h, segments);
    uint32_t* to = positions + offsets[mask] + c.starts[i];
    const int64_t first = word / segments * c.h + word % segments * kLines;
    for (; changes != 0; changes &= changes - 1) {
      *to++ = static_cast<uint32_t>(first + __ffs(static_cast<int>(changes)) - 1);
    }
  }
}

__global__ void __launch_bounds__(kThreads)
    runs_kernel(ColumnBits c, const int64_t* offsets, const uint32_t* positions, uint32_t* runs) {
  for (int64_t mask = blockIdx.y; mask < c.masks; mask += gridDim.y) {
    const uint32_t* at = positions + offsets[mask];
    const int32_t changes = c.changes[mask];
    for (int64_t i = first_item(); i <= changes; i += item_step()) {
      const uint32_t end = i < changes ? at[i] : static_cast<uint32_t>(c.h * c.w);
      runs[offsets[mask] + mask + i] = end - (i > 0 ? at[i - 1] : 0u);
    }
  }
}

}  // namespace

void find_changes(Stream stream, const uint8_t* masks, const ColumnBits& c) {
  const dim3 grid(static_cast<unsigned>(ceil_div(c.w, kColumnThreads)),
                  static_cast<unsigned>(std::min(c.masks * c.segments(), kMostRows)));
  launch(bits_kernel, {grid, kColumnThreads, 0, stream}, masks, c, c.segments());
  launch(scan_kernel, {static_cast<unsigned>(c.masks), kScanThreads, 0, stream}, c, c.segments());
}

void write_runs(Stream stream, const ColumnBits& c, const int64_t* offsets, uint32_t* positions,
                uint32_t* runs) {
  launch(positions_kernel, {grid_for(c.masks * c.words(), kThreads), kThreads, 0, stream}, c,
         c.segments(), offsets, positions);
  constexpr unsigned kBlocksOfOne = 16;
  const dim3 grid(kBlocksOfOne, static_cast<unsigned>(std::min(c.masks, kMostRows)));
  launch(runs_kernel, {grid, kThreads, 0, stream}, c, offsets, positions, runs);
}

}  // namespace vmolmo::cuda
