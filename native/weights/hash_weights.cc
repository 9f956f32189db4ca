#include <cmath>
#include <cstdint>
#include <map>
#include <string_view>

#include "native/base/thread_pool.h"
#include "native/weights/weight_source.h"

namespace vmolmo {

namespace {

uint32_t fnv1a32(std::string_view text) {
  uint32_t hash = 0x811C9DC5u;
  for (const char c : text) hash = (hash ^ static_cast<uint8_t>(c)) * 0x01000193u;
  return hash;
}

// murmur3's finaliser.
uint32_t fmix32(uint32_t h) {
  h ^= h >> 16;
  h *= 0x85EBCA6Bu;
  h ^= h >> 13;
  h *= 0xC2B2AE35u;
  h ^= h >> 16;
  return h;
}

// Uniform in [-1, 1), exact in float32.
double uniform(uint32_t seed, int64_t index) {
  const uint32_t h = fmix32(seed + static_cast<uint32_t>(index) * 0x9E3779B9u);
  return static_cast<double>(h >> 8) * 0x1p-23 - 1.0;
}

bool is_scale(std::string_view name) { return name.ends_with("weight") || name.ends_with("gamma"); }

class HashSource : public WeightSource {
 public:
  explicit HashSource(std::map<std::string, HashAdjustment> adjustments)
      : adjustments_(std::move(adjustments)) {}

  bool has(const std::string&) const override { return true; }
  std::vector<TensorInfo> list() const override { return {}; }

  Tensor get(const std::string& name, const Shape& shape) override {
    Tensor tensor = Tensor::empty(cpu_heap(), shape);
    float* values = tensor.data<float>();
    const uint32_t seed = fnv1a32(name);
    const bool matrix = shape.rank() >= 2;
    double fan_in = 1;
    for (int axis = 1; axis < shape.rank(); ++axis) fan_in *= static_cast<double>(shape[axis]);
    const double factor = matrix ? std::sqrt(3.0 / fan_in) : 0.1;
    const double base = !matrix && is_scale(name) ? 1.0 : 0.0;
    pool_.parallel_for(tensor.numel(), 1 << 16, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        values[i] = static_cast<float>(base + factor * uniform(seed, i));
      }
    });
    adjust(name, tensor);
    return tensor;
  }

 private:
  void adjust(const std::string& name, Tensor& tensor) const {
    const auto found = adjustments_.find(name);
    if (found == adjustments_.end()) return;
    float* values = tensor.data<float>();
    const auto [mul, add] = found->second;
    for (int64_t i = 0; i < tensor.numel(); ++i) {
      values[i] = static_cast<float>(static_cast<double>(values[i]) * mul + add);
    }
  }

  std::map<std::string, HashAdjustment> adjustments_;
  ThreadPool pool_;
};

}  // namespace

std::shared_ptr<WeightSource> hash_weights(std::map<std::string, HashAdjustment> adjustments) {
  return std::make_shared<HashSource>(std::move(adjustments));
}

}  // namespace vmolmo
