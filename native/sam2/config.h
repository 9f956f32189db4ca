#pragma once

#include <vector>

#include "videomolmo/segmenter.h"

namespace vmolmo::sam2 {

// One block of the Hiera trunk, with everything that depends on its place resolved.
struct BlockPlan {
  int64_t dim = 0;      // channels in
  int64_t dim_out = 0;  // channels out
  int64_t heads = 0;
  int64_t window = 0;  // side in tokens; 0: global attention
  bool pool = false;   // 2x2 query pooling: the first block of stages 2, 3, 4
  bool stage_end = false;
};

std::vector<BlockPlan> plan_blocks(const Sam2Config& config);

// Throws UNSUPPORTED_MODEL naming the field when the numbers do not fit together.
void validate(const Sam2Config& config);

}  // namespace vmolmo::sam2
