#pragma once

#include "native/kernels/cuda/launch.cuh"

// Attention whose keys are split over blocks: every block leaves, per row, the weighted sum of its
// values, the maximum of its scores (in powers of two) and the sum of its weights; join_parts makes
// the result of them.
namespace vmolmo::cuda {

constexpr int kMaxSequences = 16;  // per launch; they travel as kernel arguments

// Row r of a sequence and key head is head r % group of query r / group, group = heads / kv_heads.
struct AttentionParts {
  float* data = nullptr;  // [sequence, kv head, split, max_rows, pitch()]; null: not split
  int32_t splits = 1, max_rows = 0;
  int32_t heads = 1, kv_heads = 1, dv = 0;
  bool bf16 = false;              // what out is; else f32
  bool batched = false;           // the first sequence alone, as many times as there are
  void* out[kMaxSequences] = {};  // [nq, heads, dv]
  int32_t nq[kMaxSequences] = {};
  // Where every sequence ends, in device memory: at the key positions[sequence]. A part has
  // part_keys keys then, and the parts behind the last key are not written. Null: all are.
  const int32_t* positions = nullptr;
  int32_t part_keys = 0;

  // Sums, maximum and weight of a row, each row at a multiple of 16 bytes.
  __host__ __device__ int pitch() const { return (dv + 3) / 4 * 4 + 4; }
  __device__ int parts_of(int sequence) const {
    return positions ? min(splits, positions[sequence] / part_keys + 1) : splits;
  }
  size_t bytes(size_t sequences) const {
    return splits > 1
               ? sequences * static_cast<size_t>(kv_heads) * static_cast<size_t>(splits) *
                     static_cast<size_t>(max_rows) * static_cast<size_t>(pitch()) * sizeof(float)
               : 0;
  }
  __device__ int rows(int sequence) const {
    return nq[batched ? 0 : sequence] * (heads / kv_heads);
  }
  // Where a split leaves its row: dv sums, the maximum, the sum of weights.
  __device__ float* part(int sequence, int kv_head, int split, int row) const {
    const int64_t slot = (int64_t{sequence} * kv_heads + kv_head) * splits + split;
    return data + (slot * max_rows + row) * pitch();
  }
  template <typename T = float>
  __device__ T* result(int sequence, int kv_head, int row) const {
    const int group = heads / kv_heads;
    const int64_t query = row / group + (batched ? int64_t{sequence} * nq[0] : 0);
    const int64_t head = query * heads + kv_head * group + row % group;
    return static_cast<T*>(out[batched ? 0 : sequence]) + head * dv;
  }
};

void join_parts(Stream stream, const AttentionParts& parts, int sequences);

}  // namespace vmolmo::cuda
