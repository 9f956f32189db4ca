#include "native/sam2/layers.h"

#include <algorithm>

#include "native/ops/conv.h"
#include "native/ops/copy.h"
#include "native/ops/elementwise.h"
#include "native/ops/linear.h"
#include "native/ops/norm.h"

namespace vmolmo::sam2 {

int64_t objects_at_once(const Context& context) { return context.on_cuda() ? 8 : 1; }

Tensor joined(Context& context, const std::vector<Tensor>& parts) {
  return parts.size() == 1 ? parts[0] : ops::concat(context, parts, 0);
}

Tensor Linear::operator()(Context& context, const Tensor& x, ops::Activation activation,
                          ops::Feeds feeds) const {
  return ops::linear(context, x, weight, bias, activation, ops::RowPath::kAuto, feeds);
}

Tensor Linear::operand(Context& context, const Tensor& x) const {
  return (*this)(context, x, ops::Activation::kNone, ops::Feeds::kProducts);
}

Tensor Linear::add_to(Context& context, const Tensor& residual, const Tensor& x) const {
  return ops::linear_add(context, x, weight, bias, residual);
}

Linear load_linear(WeightLoader& loader, const std::string& prefix, int64_t in, int64_t out) {
  return {loader.matrix(prefix + "weight", {out, in}), loader.f32(prefix + "bias", {out})};
}

Linear load_conv1x1(WeightLoader& loader, const std::string& prefix, int64_t in, int64_t out) {
  Tensor kernel = loader.matrix(prefix + "weight", {out, in, 1, 1});
  return {kernel.reshape({out, in}), loader.f32(prefix + "bias", {out})};
}

Tensor Norm::operator()(Context& context, const Tensor& x, ops::Feeds feeds) const {
  return ops::layer_norm(context, x, weight, bias, eps, feeds);
}

Norm load_norm(WeightLoader& loader, const std::string& prefix, int64_t channels, float eps) {
  return {loader.f32(prefix + "weight", {channels}), loader.f32(prefix + "bias", {channels}), eps};
}

Conv load_conv(WeightLoader& loader, const std::string& prefix, Shape weight, int64_t bias) {
  return {loader.f32(prefix + "weight", weight), loader.f32(prefix + "bias", {bias})};
}

Tensor conv_norm_gelu(Context& context, const Tensor& x, const Conv& conv, int64_t stride,
                      int64_t padding, const Norm& norm) {
  return ops::conv2d_norm(context, x, conv.weight, conv.bias, stride, padding,
                          {norm.weight, norm.bias, norm.eps}, ops::Activation::kGelu);
}

Tensor Mlp::operator()(Context& context, const Tensor& x) const {
  Tensor y = x;
  for (size_t i = 0; i < layers.size(); ++i) {
    const bool last = i + 1 == layers.size();
    y = layers[i](context, y, last ? ops::Activation::kNone : ops::Activation::kRelu);
  }
  return y;
}

Mlp load_mlp(WeightLoader& loader, const std::string& prefix, const std::vector<int64_t>& widths) {
  Mlp mlp;
  for (size_t i = 0; i + 1 < widths.size(); ++i) {
    mlp.layers.push_back(
        load_linear(loader, concat(prefix, "layers.", i, "."), widths[i], widths[i + 1]));
  }
  return mlp;
}

Tensor feed_forward(Context& context, Tensor x, const Norm& norm, const Linear& first,
                    const Linear& second, ops::Activation activation) {
  // Of hidden activations at a time: on a GPU, rows enough to fill it.
  const int64_t hidden_floats = int64_t{1} << (context.on_cuda() ? 25 : 22);
  const int64_t channels = x.dim(-1);
  const Tensor rows = x.reshape({-1, channels});
  const int64_t count = rows.dim(0);
  const int64_t chunk = std::max<int64_t>(64, hidden_floats / first.weight.out_features());
  for (int64_t begin = 0; begin < count; begin += chunk) {
    const Tensor part = rows.slice(0, begin, std::min(count, begin + chunk));
    constexpr ops::Feeds kFeeds = ops::Feeds::kProducts;
    const Tensor hidden = first(context, norm(context, part, kFeeds), activation, kFeeds);
    const Tensor sum = second.add_to(context, part, hidden);
    if (chunk >= count) return sum.reshape(x.shape());
    ops::copy_into(context, sum, part);
  }
  return x;
}

Linear fold(const WeightLoader& loader, const Linear& first, const Linear& second) {
  const Tensor a = first.weight.data.to_f32(cpu_heap());
  const Tensor b = second.weight.data.to_f32(cpu_heap());
  const int64_t in = a.dim(1), middle = a.dim(0), out = b.dim(0);
  Tensor weight = Tensor::empty(cpu_heap(), {out, in});
  Tensor bias = Tensor::empty(cpu_heap(), {out});
  const std::vector<float> a_bias = first.bias.to_vector(), b_bias = second.bias.to_vector();
  std::vector<double> row(static_cast<size_t>(in));
  for (int64_t o = 0; o < out; ++o) {
    std::fill(row.begin(), row.end(), 0.0);
    double sum = b_bias[static_cast<size_t>(o)];
    for (int64_t k = 0; k < middle; ++k) {
      const double factor = b.data<float>()[o * middle + k];
      const float* source = a.data<float>() + k * in;
      for (int64_t i = 0; i < in; ++i) row[static_cast<size_t>(i)] += factor * source[i];
      sum += factor * a_bias[static_cast<size_t>(k)];
    }
    std::ranges::copy(row, weight.data<float>() + o * in);
    bias.data<float>()[o] = static_cast<float>(sum);
  }
  return {loader.place_matrix(weight), loader.place(bias)};
}

Tensor to_nchw(Context& context, const Tensor& x) { return ops::permute(context, x, {0, 3, 1, 2}); }

Tensor to_nhwc(Context& context, const Tensor& x) { return ops::permute(context, x, {0, 2, 3, 1}); }

void tap_nchw(Context& context, const std::string& name, const Tensor& x) {
  if (context.recording()) context.tap(name, to_nchw(context, x));
}

void tap_entries_nchw(Context& context, const std::string& name, const Tensor& x) {
  for (int64_t b = 0; context.recording() && b < x.dim(0); ++b)
    tap_nchw(context, name, x.slice(0, b, b + 1));
}

}  // namespace vmolmo::sam2
