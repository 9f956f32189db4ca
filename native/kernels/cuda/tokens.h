#pragma once

#include <cstdint>

#include "native/kernels/cuda/stream.h"

// The way from token ids to rows, and back from logits to ids.
namespace vmolmo::cuda {

// Two tables of rows as one, the second behind the first: the ids below `rows` name the first's.
struct EmbeddingTables {
  const void* tables[2] = {};  // [.., width]
  bool bf16[2] = {};           // else f32
  int64_t rows = 0;            // of the first
  int64_t width = 0;
};
// out [count, width] f32 = the rows ids[i].
void embed_tokens(Stream stream, const EmbeddingTables& tables, const int32_t* ids, float* out,
                  int64_t count);

// best[row] = the lowest index of the largest value of row `row` of x [rows, n].
void argmax(Stream stream, const float* x, int32_t* best, int64_t rows, int64_t n);

}  // namespace vmolmo::cuda
