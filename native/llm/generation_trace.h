#pragma once

#include <cstdint>
#include <vector>

#include "native/ops/context.h"

namespace vmolmo {

// Collects what golden sets hold of a generation; idle without a recorder.
class GenerationTrace {
 public:
  explicit GenerationTrace(Context& context) : context_(context) {}

  // The end of a prompt: hidden and logits of its last position, [1, n].
  void add_prefill(const Tensor& hidden, const Tensor& logits);
  // One generated id and the logits [1, vocab] that it comes from.
  void add(const Tensor& logits, int32_t id);
  void finish();

 private:
  void record_alternatives(const Tensor& logits);

  Context& context_;
  std::vector<Tensor> logits_;
  std::vector<int32_t> ids_;
};

}  // namespace vmolmo
