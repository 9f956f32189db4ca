#pragma once

#include <cstdint>

namespace vmolmo::cuda {

// Where the rows of a matrix lie that are pixels of pictures: row r starts at
//   r % columns * column_step + r / columns % lines * line_step + r / columns / lines * image_step
// and its element k lies k / run * run_step + k % run behind that. The patches under a convolution
// are such rows of a padded picture, and so are the 2x2 blocks of a picture twice the size. In
// elements; rows and elements fit into 32 bits. No columns: no map.
struct RowMap {
  int64_t columns = 0, lines = 1;
  int64_t column_step = 0, line_step = 0, image_step = 0;
  int64_t run = 1, run_step = 0;
};

}  // namespace vmolmo::cuda
