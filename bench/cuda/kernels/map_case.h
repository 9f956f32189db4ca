#pragma once

#include "bench/cuda/kernels/cases.h"

namespace vmolmo::cuda_bench {

// A case of one input array and one output array; whatever else a kernel takes, its launch holds.
template <typename In, typename Out>
struct Mapping {
  std::vector<In> input;
  size_t outputs = 0;
  std::function<void(cudaStream_t, const In* x, Out* y)> launch;
  std::function<double(size_t at)> expected;  // output `at`
};

// Fills in the case's bytes (input and output once, `more` besides), sets, run and error.
template <typename In, typename Out>
Case map_case(Mapping<In, Out> mapping, const Sizes& sizes, double tolerance, double more = 0.0) {
  struct Arrays {
    std::vector<Shared<In>> x;
    std::vector<Shared<Out>> y;
  };
  const auto arrays = std::make_shared<Arrays>();
  const auto m = std::make_shared<Mapping<In, Out>>(std::move(mapping));
  const auto numbers = std::make_shared<Numbers>(sizes.seed);
  Case c;
  c.bytes = static_cast<double>(m->input.size() * sizeof(In) + m->outputs * sizeof(Out)) + more;
  c.tolerance = tolerance;
  c.sets = sizes.sets(c.bytes);
  for (int set = 0; set < c.sets; ++set) {
    arrays->x.push_back(upload(m->input));
    arrays->y.push_back(reserve<Out>(m->outputs));
  }
  c.run = [=](cudaStream_t stream, int set) {
    const auto at = static_cast<size_t>(set);
    m->launch(stream, arrays->x[at]->get(), arrays->y[at]->get());
  };
  c.error = [=] {
    arrays->y[0]->poison();
    c.run(nullptr, 0);
    const std::vector<Out> y = arrays->y[0]->read();
    std::vector<double> actual, expected;
    for (const size_t at : samples(*numbers, m->outputs, 400)) {
      actual.push_back(static_cast<double>(y[at]));
      expected.push_back(m->expected(at));
    }
    return relative_l2(actual, expected);
  };
  return c;
}

}  // namespace vmolmo::cuda_bench
