#pragma once

#include <cstdint>

// What hides or shifts single scores of an attention beyond causality.
namespace vmolmo::cuda {

struct AttentionMask {
  // Null, or what is added to the scaled scores of query i of head h and key j:
  // bias[h * bias_head + i * bias_row + j]. -inf hides the key.
  const float* bias = nullptr;
  int64_t bias_batch = 0, bias_head = 0, bias_row = 0;  // elements; 0 along what shares the bias
  // Null, or causal only: the classes of the keys from `offset` on, [nk - offset]. Query i, of
  // class classes[i], also sees the later keys of that class if it is not negative.
  const int32_t* classes = nullptr;

  explicit operator bool() const { return bias || classes; }
};

}  // namespace vmolmo::cuda
