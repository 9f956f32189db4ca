#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <string_view>

#include "native/base/thread_pool.h"
#include "native/tensor/bf16.h"
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
  HashSource(std::map<std::string, HashAdjustment> adjustments, DType dtype)
      : adjustments_(std::move(adjustments)), dtype_(dtype) {}

  bool has(const std::string&) const override { return true; }
  std::vector<TensorInfo> list() const override { return {}; }

  Tensor get(const std::string& name, const Shape& shape) override {
    Tensor tensor = Tensor::empty(cpu_heap(), shape, dtype_);
    const Values values = values_of(name, shape);
    pool_.parallel_for(tensor.numel(), 1 << 16, [&](int64_t begin, int64_t end) {
      if (dtype_ == DType::kF32) {
        values.fill(tensor.data<float>() + begin, begin, end - begin);
        return;
      }
      constexpr int64_t kChunk = 1024;
      float wide[kChunk];
      for (int64_t at = begin; at < end; at += kChunk) {
        const int64_t count = std::min(kChunk, end - at);
        values.fill(wide, at, count);
        round_to_bf16(wide, tensor.data<BFloat16>() + at, count);
      }
    });
    return tensor;
  }

 private:
  // How a tensor's elements come about.
  struct Values {
    uint32_t seed;
    double base, factor;
    const HashAdjustment* adjustment;

    void fill(float* out, int64_t first, int64_t count) const {
      for (int64_t i = 0; i < count; ++i)
        out[i] = static_cast<float>(base + factor * uniform(seed, first + i));
      if (!adjustment) return;
      for (int64_t i = 0; i < count; ++i)
        out[i] = static_cast<float>(double{out[i]} * adjustment->mul + adjustment->add);
    }
  };

  Values values_of(const std::string& name, const Shape& shape) const {
    const bool matrix = shape.rank() >= 2;
    double fan_in = 1;
    for (int axis = 1; axis < shape.rank(); ++axis) fan_in *= static_cast<double>(shape[axis]);
    const auto found = adjustments_.find(name);
    return {fnv1a32(name), !matrix && is_scale(name) ? 1.0 : 0.0,
            matrix ? std::sqrt(3.0 / fan_in) : 0.1,
            found == adjustments_.end() ? nullptr : &found->second};
  }

  std::map<std::string, HashAdjustment> adjustments_;
  DType dtype_;
  ThreadPool pool_;
};

}  // namespace

std::shared_ptr<WeightSource> hash_weights(std::map<std::string, HashAdjustment> adjustments,
                                           DType dtype) {
  require(dtype == DType::kF32 || dtype == DType::kBF16, Code::kInvalidArgument,
          "Generated weights are F32 or BF16; ", dtype, " was asked for.");
  return std::make_shared<HashSource>(std::move(adjustments), dtype);
}

}  // namespace vmolmo
