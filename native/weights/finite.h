#pragma once

#include <string>

#include "native/weights/weight_source.h"
#include "videomolmo/status.h"
#include "videomolmo/tensor.h"

namespace vmolmo {

class ThreadPool;

// A model's results are NaN or infinite. Whoever holds its weights says which of them is at fault.
class NonFinite : public Error {
 public:
  // `what` names the results: "the answer's logits".
  explicit NonFinite(const std::string& what);
};

// True unless a floating tensor in the CPU's memory, in row-major order, holds NaN or infinity.
bool all_finite(const Tensor& tensor, ThreadPool* threads = nullptr);

// Throws NonFinite.
void require_finite(const Tensor& results, const char* what);

// Why a model's results are not finite: the first tensor of its weights that is not, or that all
// of them are. Reads the weights through.
std::string explain_non_finite(WeightSource& weights);

}  // namespace vmolmo
