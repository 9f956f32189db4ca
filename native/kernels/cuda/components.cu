#include "native/kernels/cuda/components.h"

#include "native/kernels/cuda/launch.cuh"

// Union-find over pixels in two steps: tiles join their own pixels in shared memory and count them,
// then the seams between tiles are joined in global memory, where a tile is one pixel for each of
// its components. So a component as large as the picture costs a few atomics for each tile, not one
// for each pixel. In a line of a tile the runs are known from a ballot; they are joined, not
// pixels.
//
// Every pixel points at one of its component with a lower number (within its mask, in scan order),
// roots at themselves.
namespace vmolmo::cuda {
namespace {

constexpr int kTile = kWarpSize;
constexpr int kWarps = 8, kThreads = kWarps * kWarpSize;
constexpr int kSeamThreads = 128;

__device__ __forceinline__ bool foreground(const SmallComponents& p, int64_t pixel) {
  return p.mask ? p.mask[pixel] != 0 : p.target[pixel] <= p.limit;
}

__device__ __forceinline__ int32_t find_root(const volatile int32_t* parents, int32_t i) {
  while (parents[i] != i) i = parents[i];
  return i;
}

// The root of both becomes the lower one. Another thread may move a root meanwhile; then the higher
// of the two is joined again.
__device__ __forceinline__ void unite(int32_t* parents, int32_t a, int32_t b) {
  for (;;) {
    a = find_root(parents, a);
    b = find_root(parents, b);
    if (a == b) return;
    if (a > b) {
      const int32_t swap = a;
      a = b;
      b = swap;
    }
    const int32_t before = atomicMin(parents + b, a);
    if (before == b) return;
    b = before;
  }
}

__device__ __forceinline__ bool bit(uint32_t bits, int i) {
  return i >= 0 && i < kTile && (bits >> i & 1u) != 0;
}
// The first pixel of the run that pixel i belongs to: behind the highest gap before it.
__device__ __forceinline__ int run_start(uint32_t bits, int i) {
  const uint32_t gaps = ~bits & ((1u << i) - 1u);
  return gaps ? kWarpSize - __clz(static_cast<int>(gaps)) : 0;
}
// The pixels from i on that belong to its run.
__device__ __forceinline__ int run_length(uint32_t bits, int i) {
  const uint32_t gaps = ~(bits >> i);
  return gaps ? __ffs(static_cast<int>(gaps)) - 1 : kWarpSize;
}

// Joins what touches across two lines of a tile, once for each pair of stretches: a pixel leaves it
// to its left neighbour where both have the same one above.
__device__ __forceinline__ void join_lines(int32_t* parents, uint32_t line, uint32_t above, int y,
                                           int x) {
  if (!bit(line, x)) return;
  const auto join = [&](int other) {
    unite(parents, y * kTile + run_start(line, x), (y - 1) * kTile + run_start(above, other));
  };
  if (bit(above, x)) {
    if (!(bit(line, x - 1) && bit(above, x - 1))) join(x);
    return;
  }
  if (bit(above, x - 1) && !bit(line, x - 1)) join(x - 1);
  if (bit(above, x + 1) && !bit(line, x + 1)) join(x + 1);
}

struct Tile {
  int64_t mask;  // begin of the mask
  int x, y;
  __device__ Tile(const SmallComponents& p, int across, int down) {
    const auto block = static_cast<int64_t>(blockIdx.x);
    mask = block / across / down * p.h * p.w;
    x = static_cast<int>(block % across) * kTile;
    y = static_cast<int>(block / across % down) * kTile;
  }
};

// A block labels one tile; afterwards areas holds the size of every component of a tile at its
// root, and 0 at all other pixels of the foreground.
__global__ void __launch_bounds__(kThreads) tile_kernel(SmallComponents p, int across, int down) {
  __shared__ int32_t parents[kTile * kTile], areas[kTile * kTile];
  __shared__ uint32_t lines[kTile];
  const Tile tile(p, across, down);
  const int x = static_cast<int>(threadIdx.x) % kWarpSize;
  const int warp = static_cast<int>(threadIdx.x) / kWarpSize;
  const auto pixel = [&](int y) { return (tile.y + y) * p.w + tile.x + x; };
  for (int y = warp; y < kTile; y += kWarps) {
    const bool inside = tile.x + x < p.w && tile.y + y < p.h;
    const uint32_t line =
        __ballot_sync(kAllLanes, inside && foreground(p, tile.mask + pixel(y)) ? 1 : 0);
    if (x == 0) lines[y] = line;
    parents[y * kTile + x] = y * kTile + run_start(line, x);
    areas[y * kTile + x] = 0;
  }
  __syncthreads();
  for (int y = warp; y < kTile; y += kWarps)
    if (y > 0) join_lines(parents, lines[y], lines[y - 1], y, x);
  __syncthreads();
  for (int y = warp; y < kTile; y += kWarps) {
    const bool starts = bit(lines[y], x) && !bit(lines[y], x - 1);
    if (starts) {
      atomicAdd(areas + find_root(parents, y * kTile + x), run_length(lines[y], x));
    }
  }
  __syncthreads();
  for (int y = warp; y < kTile; y += kWarps) {
    if (!bit(lines[y], x)) continue;
    const int root = find_root(parents, y * kTile + run_start(lines[y], x));
    const auto at = static_cast<int32_t>((tile.y + root / kTile) * p.w + tile.x + root % kTile);
    p.parents[tile.mask + pixel(y)] = at;
    p.areas[tile.mask + pixel(y)] = areas[y * kTile + x];
  }
}

// Pixels beside a seam with their neighbours on its other side.
__global__ void __launch_bounds__(kSeamThreads)
    seam_kernel(SmallComponents p, int across, int down) {
  const int64_t pixels = p.h * p.w;
  const int64_t horizontal = (down - 1) * p.w, vertical = (across - 1) * p.h;
  for (int64_t i = first_item(); i < p.masks * (horizontal + vertical); i += item_step()) {
    const int64_t begin = i / (horizontal + vertical) * pixels, at = i % (horizontal + vertical);
    const bool above = at < horizontal;
    const int64_t y = above ? (at / p.w + 1) * kTile : (at - horizontal) % p.h;
    const int64_t x = above ? at % p.w : ((at - horizontal) / p.h + 1) * kTile;
    const int64_t pixel = y * p.w + x;
    if (!foreground(p, begin + pixel)) continue;
    const auto join = [&](int64_t ny, int64_t nx) {
      const int64_t other = ny * p.w + nx;
      if (ny >= 0 && ny < p.h && nx >= 0 && nx < p.w && foreground(p, begin + other))
        unite(p.parents + begin, static_cast<int32_t>(pixel), static_cast<int32_t>(other));
    };
    for (int64_t step = -1; step <= 1; ++step) {
      if (above) {
        join(y - 1, x + step);
      } else {
        join(y + step, x - 1);
      }
    }
  }
}

// The roots of tiles that are no roots any more give their areas to those that are.
__global__ void gather_kernel(SmallComponents p) {
  const int64_t pixels = p.h * p.w, count = p.masks * pixels;
  for (int64_t i = first_item(); i < count; i += item_step()) {
    if (!foreground(p, i)) continue;
    const int64_t begin = i / pixels * pixels;
    const auto own = static_cast<int32_t>(i - begin);
    if (p.parents[i] == own || p.areas[i] == 0) continue;
    atomicAdd(p.areas + begin + find_root(p.parents + begin, own), p.areas[i]);
  }
}

__global__ void replace_kernel(SmallComponents p) {
  const int64_t pixels = p.h * p.w, count = p.masks * pixels;
  for (int64_t i = first_item(); i < count; i += item_step()) {
    if (!foreground(p, i)) continue;
    const int64_t begin = i / pixels * pixels;
    const int32_t root = find_root(p.parents + begin, static_cast<int32_t>(i - begin));
    if (p.areas[begin + root] <= p.max_area) p.target[i] = p.value;
  }
}

}  // namespace

void replace_small(Stream stream, const SmallComponents& p) {
  constexpr int kPixelThreads = 256;
  const int64_t count = p.masks * p.h * p.w;
  if (count == 0) return;
  const auto across = static_cast<int>(ceil_div(p.w, kTile));
  const auto down = static_cast<int>(ceil_div(p.h, kTile));
  launch(tile_kernel, {static_cast<unsigned>(p.masks * across * down), kThreads, 0, stream}, p,
         across, down);
  const int64_t seams = p.masks * ((down - 1) * p.w + (across - 1) * p.h);
  launch(seam_kernel, {grid_for(seams, kSeamThreads), kSeamThreads, 0, stream}, p, across, down);
  const LaunchShape all{grid_for(count, kPixelThreads), kPixelThreads, 0, stream};
  launch(gather_kernel, all, p);
  launch(replace_kernel, all, p);
}

}  // namespace vmolmo::cuda
