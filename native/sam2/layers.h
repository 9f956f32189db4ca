#pragma once

#include <string>
#include <vector>

#include "native/ops/activation.h"
#include "native/ops/context.h"
#include "native/ops/feeds.h"
#include "native/ops/weight.h"
#include "native/weights/weight_source.h"

namespace vmolmo::sam2 {

// Objects whose maps are made together. On a GPU several, so that its launches are large; as many
// as keep the largest map (16 MiB per object) small. On the CPU one at a time is as fast, and what
// one object does not need can be left out.
int64_t objects_at_once(const Context& context);

// The tensors joined along axis 0.
Tensor joined(Context& context, const std::vector<Tensor>& parts);

// A linear layer, or a 1x1 convolution in NHWC.
struct Linear {
  Weight weight;  // [out, in]
  Tensor bias;    // [out]

  Tensor operator()(Context& context, const Tensor& x,
                    ops::Activation activation = ops::Activation::kNone,
                    ops::Feeds feeds = ops::Feeds::kSums) const;
  // The same for a result that goes into products alone.
  Tensor operand(Context& context, const Tensor& x) const;
  // residual + this layer.
  Tensor add_to(Context& context, const Tensor& residual, const Tensor& x) const;
};

// `prefix` + "weight" / "bias".
Linear load_linear(WeightLoader& loader, const std::string& prefix, int64_t in, int64_t out);
// The same from a [out, in, 1, 1] kernel.
Linear load_conv1x1(WeightLoader& loader, const std::string& prefix, int64_t in, int64_t out);

struct Norm {
  Tensor weight;
  Tensor bias;
  float eps = 1e-6f;

  Tensor operator()(Context& context, const Tensor& x, ops::Feeds feeds = ops::Feeds::kSums) const;
};

Norm load_norm(WeightLoader& loader, const std::string& prefix, int64_t channels, float eps);

// A kxk convolution's kernel and bias, f32.
struct Conv {
  Tensor weight;  // [out, in, k, k]
  Tensor bias;
};

Conv load_conv(WeightLoader& loader, const std::string& prefix, Shape weight, int64_t bias);
// GELU of the layer norm, over the channels, of the convolution.
Tensor conv_norm_gelu(Context& context, const Tensor& x, const Conv& conv, int64_t stride,
                      int64_t padding, const Norm& norm);

// Linear layers with ReLU between, none after the last ("layers.0", "layers.1", ...).
struct Mlp {
  std::vector<Linear> layers;

  Tensor operator()(Context& context, const Tensor& x) const;
};

// `widths`: in, hidden, ..., out.
Mlp load_mlp(WeightLoader& loader, const std::string& prefix, const std::vector<int64_t>& widths);

// x + second(act(first(norm(x)))), the shape of x being kept. Rows go through in chunks so that the
// hidden activations stay small. x may be overwritten.
Tensor feed_forward(Context& context, Tensor x, const Norm& norm, const Linear& first,
                    const Linear& second, ops::Activation activation);

// first, then second, with nothing between, as one layer (products and sums in double).
Linear fold(const WeightLoader& loader, const Linear& first, const Linear& second);

// [B, H, W, C] -> [B, C, H, W], the layout of the golden sets.
Tensor to_nchw(Context& context, const Tensor& x);
// [B, C, H, W] -> [B, H, W, C].
Tensor to_nhwc(Context& context, const Tensor& x);
// Records an NHWC map as NCHW; does nothing when nobody records.
void tap_nchw(Context& context, const std::string& name, const Tensor& x);
// The same, the entries of the batch one after another.
void tap_entries_nchw(Context& context, const std::string& name, const Tensor& x);

}  // namespace vmolmo::sam2
