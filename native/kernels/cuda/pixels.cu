#include "native/kernels/cuda/pixels.h"

#include "native/kernels/cuda/launch.cuh"

namespace vmolmo::cuda {
namespace {

constexpr int kThreads = 256;

struct Normalizer {
  float mean[3], std[3];
  __device__ float operator()(float value, int64_t channel) const {
    return (value - mean[channel]) / std[channel];
  }
};

__device__ __forceinline__ float as_unit(float x) { return x; }
// As the reference divides.
__device__ __forceinline__ float as_unit(uint8_t x) {
  return static_cast<float>(static_cast<double>(x) / 255.0);
}

template <typename Sample>
__global__ void normalize_kernel(const Sample* x, float* out, int64_t count, Normalizer normalize) {
  for (int64_t i = first_item(); i < count; i += item_step()) {
    out[i] = normalize(as_unit(x[i]), i % 3);
  }
}

__global__ void cut_kernel(const float* picture, float* crops, CropCut cut, int64_t count) {
  const int64_t line = cut.patch * 3, patch = cut.patch * line;
  for (int64_t i = first_item(); i < count; i += item_step()) {
    const int64_t channel = i % 3, dx = i % line / 3, dy = i % patch / line;
    const int64_t cell = i / patch % (cut.grid * cut.grid),
                  crop = i / patch / (cut.grid * cut.grid);
    const int64_t y = crop / cut.columns * cut.step + cell / cut.grid * cut.patch + dy - cut.top;
    const int64_t x = crop % cut.columns * cut.step + cell % cut.grid * cut.patch + dx - cut.left;
    float value = 0.0f;
    if (y >= 0 && y < cut.height && x >= 0 && x < cut.width) {
      value = fminf(fmaxf(picture[(y * cut.width + x) * 3 + channel], 0.0f), 1.0f);
    }
    crops[i] = (value - cut.mean[channel]) / cut.std[channel];
  }
}

template <typename Sample>
void normalize_samples(Stream stream, const Sample* x, float* out, int64_t pixels,
                       const std::array<float, 3>& mean, const std::array<float, 3>& std) {
  const Normalizer normalizer{{mean[0], mean[1], mean[2]}, {std[0], std[1], std[2]}};
  launch(normalize_kernel<Sample>, {grid_for(3 * pixels, kThreads), kThreads, 0, stream}, x, out,
         3 * pixels, normalizer);
}

}  // namespace

void normalize(Stream stream, const float* x, float* out, int64_t pixels,
               const std::array<float, 3>& mean, const std::array<float, 3>& std) {
  normalize_samples(stream, x, out, pixels, mean, std);
}

void normalize_bytes(Stream stream, const uint8_t* x, float* out, int64_t pixels,
                     const std::array<float, 3>& mean, const std::array<float, 3>& std) {
  normalize_samples(stream, x, out, pixels, mean, std);
}

void cut_crops(Stream stream, const float* picture, float* crops, const CropCut& cut) {
  const int64_t count = cut.rows * cut.columns * cut.grid * cut.grid * cut.patch * cut.patch * 3;
  launch(cut_kernel, {grid_for(count, kThreads), kThreads, 0, stream}, picture, crops, cut, count);
}

}  // namespace vmolmo::cuda
