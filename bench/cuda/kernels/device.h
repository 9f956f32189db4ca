#pragma once

#include <cuda_runtime_api.h>

#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "test/native/cuda/device_array.h"

// What the cases of the CUDA benchmark share: memory, random inputs, timing.
namespace vmolmo::cuda_bench {

using test::DeviceArray;

template <typename T>
using Shared = std::shared_ptr<DeviceArray<T>>;

template <typename T>
Shared<T> upload(const std::vector<T>& values) {
  return std::make_shared<DeviceArray<T>>(values);
}
template <typename T>
Shared<T> reserve(size_t count) {
  return std::make_shared<DeviceArray<T>>(count);
}

// Random numbers between -1 and 1, fresh in every run: `seed` 0 takes one from the system.
class Numbers {
 public:
  explicit Numbers(uint32_t seed) : engine_(seed ? seed : std::random_device{}()) {}
  std::vector<float> floats(size_t count, float scale = 1.0f);
  std::vector<uint16_t> bf16(size_t count, float scale = 1.0f);
  size_t below(size_t count) {
    return std::uniform_int_distribution<size_t>(0, count - 1)(engine_);
  }

 private:
  std::minstd_rand engine_;
};

float from_bf16(uint16_t bits);

// Rows and columns to look at: the corners and some others.
std::vector<size_t> samples(Numbers& numbers, size_t count, size_t wanted);

// ||actual - expected|| / ||expected||, infinite when a value is not finite.
double relative_l2(const std::vector<double>& actual, const std::vector<double>& expected);

struct Timing {
  double median_us = 0.0, low_us = 0.0, high_us = 0.0;  // of one launch: median and quartiles
};

// `work(stream, i)` starts launch i of a round. A round of `launches` is captured as a graph, so
// that the gaps between launches are the device's own, and replayed: three times unmeasured, then
// `rounds` times between events.
Timing measure(const std::function<void(cudaStream_t, int)>& work, int launches, int rounds);

// What the device does at best, measured now.
struct Limits {
  double gigabytes = 0.0;  // a large copy within the device, bytes read and written, per second
  double teraflops = 0.0;  // a large bf16 matrix product, through cuBLASLt where it is found
  std::string product_by;
};
Limits measure_limits(bool tiny, int rounds);

struct Machine {
  std::string name;
  int multiprocessors = 0;
  int l2_bytes = 0;
};
// Throws DEVICE_UNAVAILABLE when there is no device.
Machine describe_machine();

}  // namespace vmolmo::cuda_bench
