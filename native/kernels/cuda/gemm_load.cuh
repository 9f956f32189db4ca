#pragma once

#include "native/kernels/cuda/row_map.cuh"
#include "native/kernels/cuda/tile.cuh"

// How the operands of a tensor-core product come into shared memory.
namespace vmolmo::cuda {

constexpr int kGemmThreads = 128;
constexpr int kStepChunks = 4;
constexpr int kStep = kStepChunks * kChunk;  // of k

__device__ __forceinline__ const __nv_bfloat16* as_bf16(const uint16_t* bits) {
  return reinterpret_cast<const __nv_bfloat16*>(bits);
}

// `count` (<= 8) elements and zeros, one by one.
__device__ __forceinline__ void copy_partial(__nv_bfloat16* to, const __nv_bfloat16* from,
                                             int count) {
  for (int i = 0; i < kChunk; ++i) to[i] = i < count ? from[i] : __float2bfloat16(0.0f);
}

// What row r of a tile is, the i-th that this thread copies: a row of a matrix from `first` on.
struct PlainRows {
  const __nv_bfloat16* data;
  int64_t ld, first, rows;
  __device__ __forceinline__ bool there(int r) const { return first + r < rows; }
  __device__ __forceinline__ const __nv_bfloat16* at(int /*i*/, int r, int64_t k) const {
    return data + (first + r) * ld + k;
  }
};
// The same where a RowMap says where rows lie; their starts are kept, as it takes divisions to
// find them.
template <int ROWS>
struct MappedRows {
  static constexpr int kOwn = ROWS * kStepChunks / kGemmThreads;
  const __nv_bfloat16* data;
  const RowMap& map;
  int64_t first, rows;
  int64_t starts[kOwn];
  __device__ __forceinline__ MappedRows(const __nv_bfloat16* data, const RowMap& map, int64_t first,
                                        int64_t rows)
      : data(data), map(map), first(first), rows(rows) {
    const int64_t own = first + static_cast<int>(threadIdx.x) / kStepChunks;
#pragma unroll
    for (int i = 0; i < kOwn; ++i)
      starts[i] = row_start(map, own + i * (kGemmThreads / kStepChunks), map.image_step);
  }
  __device__ __forceinline__ bool there(int r) const { return first + r < rows; }
  __device__ __forceinline__ const __nv_bfloat16* at(int i, int /*r*/, int64_t k) const {
    return data + starts[i] + element_offset(map, k);
  }
};

// Eight rows of the first of two matrices that follow each other and the same eight of the second
// in turn: so neighbouring fragments of a thread belong to one element of y.
struct PairedRows {
  const __nv_bfloat16* data;
  int64_t ld, first, rows;
  __device__ __forceinline__ int64_t row(int r) const { return first + r / 16 * 8 + r % 8; }
  __device__ __forceinline__ bool there(int r) const { return row(r) < rows; }
  __device__ __forceinline__ const __nv_bfloat16* at(int /*i*/, int r, int64_t k) const {
    return data + (row(r) + r / 8 % 2 * rows) * ld + k;
  }
};

// ROWS rows and the columns [k, k + kStep), zero where there is no row and from k_end on.
template <int ROWS, typename Source>
__device__ __forceinline__ void load_tile(__nv_bfloat16* tile, const Source& source, int64_t k,
                                          int64_t k_end, bool aligned) {
  const int chunk = static_cast<int>(threadIdx.x) % kStepChunks;
  const int64_t column = k + chunk * kChunk;
  const int valid = static_cast<int>(min(max(k_end - column, int64_t{0}), int64_t{kChunk}));
#pragma unroll
  for (int i = 0; i < (ROWS * kStepChunks + kGemmThreads - 1) / kGemmThreads; ++i) {
    const int r = static_cast<int>(threadIdx.x) / kStepChunks + i * (kGemmThreads / kStepChunks);
    if (ROWS * kStepChunks < kGemmThreads && r >= ROWS) break;
    __nv_bfloat16* to = tile + tile_at<kStepChunks>(r, chunk);
    const int count = source.there(r) ? valid : 0;
    const __nv_bfloat16* from = source.at(i, r, column);
    // Also an address that is not read has to be one of 16 bytes.
    if (aligned && (count == 0 || count == kChunk)) {
      copy_async_16(to, count ? from : source.data, count != 0);
    } else {
      copy_partial(to, from, count);
    }
  }
}

}  // namespace vmolmo::cuda
