#include "native/layers/linear.h"

#include <algorithm>
#include <vector>

#include "native/ops/linear.h"

namespace vmolmo {

Tensor Linear::operator()(Context& context, const Tensor& x, Activation activation,
                          ops::Feeds feeds) const {
  return ops::linear(context, x, weight, bias, activation, path, feeds);
}

Tensor Linear::operand(Context& context, const Tensor& x) const {
  return (*this)(context, x, Activation::kNone, ops::Feeds::kProducts);
}

Tensor Linear::add_to(Context& context, const Tensor& residual, const Tensor& x) const {
  return ops::linear_add(context, x, weight, bias, residual, path);
}

Linear Linear::outputs(int64_t begin, int64_t end) const {
  return {weight.rows(begin, end), bias ? bias.slice(0, begin, end) : bias, path};
}

Linear load_linear(WeightLoader& loader, const std::string& prefix, int64_t in, int64_t out,
                   const LinearOptions& options) {
  Linear layer;
  layer.weight = loader.linear(prefix + "weight", {out, in});
  if (options.bias) layer.bias = loader.f32(prefix + "bias", {out});
  layer.path = options.path;
  return layer;
}

Linear load_conv1x1(WeightLoader& loader, const std::string& prefix, int64_t in, int64_t out) {
  const Tensor kernel = loader.matrix(prefix + "weight", {out, in, 1, 1});
  return {kernel.reshape({out, in}), loader.f32(prefix + "bias", {out})};
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

}  // namespace vmolmo
