#pragma once

#include <memory>
#include <string>

#include "native/weights/weight_source.h"

namespace vmolmo {

// The name that the transformers checkpoints (facebook/sam2.1-hiera-*, model_type sam2_video) give
// to the tensor that the original SAM 2 checkpoints call `original`. A row of a joined tensor is
// written "name[row]".
std::string sam2_transformers_name(const std::string& original);

// A transformers checkpoint under names that correspond to the original ones one to one: the joined
// point embeddings appear as their rows, and the Gaussian matrix, stored under either or both of
// two names, under one.
std::shared_ptr<WeightSource> sam2_transformers_source(std::shared_ptr<WeightSource> checkpoint);

}  // namespace vmolmo
