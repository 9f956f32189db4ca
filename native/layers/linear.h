#pragma once

#include <string>

#include "native/ops/context.h"
#include "native/ops/feeds.h"
#include "native/tensor/activation.h"
#include "native/tensor/weight.h"
#include "native/weights/weight_source.h"

namespace vmolmo {

// A linear layer, or a 1x1 convolution in NHWC.
struct Linear {
  Weight weight;  // [out, in]
  Tensor bias;    // [out], or none
  // Not kAuto where a row's bits must not depend on the rows beside it.
  ops::RowPath path = ops::RowPath::kAuto;

  Tensor operator()(Context& context, const Tensor& x, Activation activation = Activation::kNone,
                    ops::Feeds feeds = ops::Feeds::kSums) const;
  // The same for a result that goes into products alone.
  Tensor operand(Context& context, const Tensor& x) const;
  // residual + this layer.
  Tensor add_to(Context& context, const Tensor& residual, const Tensor& x) const;
  // Its outputs [begin, end) as a layer of their own (views).
  Linear outputs(int64_t begin, int64_t end) const;
};

struct LinearOptions {
  ops::RowPath path = ops::RowPath::kAuto;
  bool bias = true;
};

// `prefix` + "weight" / "bias".
Linear load_linear(WeightLoader& loader, const std::string& prefix, int64_t in, int64_t out,
                   const LinearOptions& options = {});
// The same from a [out, in, 1, 1] kernel.
Linear load_conv1x1(WeightLoader& loader, const std::string& prefix, int64_t in, int64_t out);

// first, then second, with nothing between, as one layer (products and sums in double).
Linear fold(const WeightLoader& loader, const Linear& first, const Linear& second);

}  // namespace vmolmo
