#pragma once

#include <functional>
#include <string>
#include <vector>

#include "bench/cuda/kernels/device.h"

namespace vmolmo::cuda_bench {

// One kernel at one size. Bytes and operations are the fewest that the problem needs: every input
// read once, every output written once.
struct Case {
  std::string name;
  double bytes = 0.0;
  double flops = 0.0;  // on tensor cores
  double tolerance = 0.0;
  int sets = 1;  // of inputs, so that no launch finds its own in the cache
  std::function<void(cudaStream_t, int set)> run;
  std::function<double()> error;  // of set 0 against double precision on the CPU, sampled
};

struct Sizes {
  bool tiny = false;  // small shapes, for checking without a device
  Machine machine;
  uint32_t seed = 0;

  // Sets of `bytes` each that together are several times the cache.
  int sets(double bytes) const;
};

// A case is made when it is run, so that one case's memory at a time is taken.
struct Entry {
  std::string name;
  std::function<Case(const Sizes&)> make;
};

std::vector<Entry> gemm_cases();
std::vector<Entry> gemv_cases();
std::vector<Entry> attention_cases();
std::vector<Entry> window_cases();
std::vector<Entry> conv_cases();
std::vector<Entry> mask_cases();

}  // namespace vmolmo::cuda_bench
