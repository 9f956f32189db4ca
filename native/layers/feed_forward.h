#pragma once

#include "native/layers/linear.h"
#include "native/layers/norm.h"

namespace vmolmo {

// The second half of a pre-norm transformer block.
struct FeedForward {
  LayerNorm norm;
  Linear in, out;
  Activation activation = Activation::kGelu;

  // x + out(act(in(norm(x)))).
  Tensor operator()(Context& context, const Tensor& x) const;
  // The same for any number of rows: they go through in chunks, so that the hidden activations stay
  // small. x may be overwritten.
  Tensor in_chunks(Context& context, Tensor x) const;
};

}  // namespace vmolmo
