#include "native/kernels/cuda/preprocess.h"

#include <algorithm>

#include "native/kernels/cuda/resize_axis.cuh"

namespace vmolmo::cuda {
namespace {

constexpr int kThreads = 256;
constexpr int64_t kMostLines = 65535;  // of a grid

__device__ __forceinline__ float as_unit(float x) { return x; }
// The reference divides in double precision; for every byte that rounds to the same float.
__device__ __forceinline__ float as_unit(uint8_t x) {
  return __fdiv_rn(static_cast<float>(x), 255.0f);
}

__device__ __forceinline__ float normalized(float x, int channel, const float (&mean)[3],
                                            const float (&std)[3]) {
  const float m = channel == 0 ? mean[0] : channel == 1 ? mean[1] : mean[2];
  const float s = channel == 0 ? std[0] : channel == 1 ? std[1] : std[2];
  return (x - m) / s;
}

// A grid's row of blocks makes a line of the result.
template <typename Kind>
__global__ void down_kernel(const typename Kind::Sample* wide, Taps<typename Kind::Value> taps,
                            float* y, int64_t out_h, int64_t line, Normalization n) {
  for (int64_t at = blockIdx.y; at < out_h; at += gridDim.y) {
    for (int64_t i = first_item(); i < line; i += item_step()) {
      const float value = as_unit(weigh<Kind>(wide + i, line, taps, at));
      const auto channel = static_cast<int>(static_cast<uint32_t>(i) % 3u);
      y[at * line + i] = normalized(value, channel, n.mean, n.std);
    }
  }
}

template <typename Kind>
void launch_down(Stream stream, const typename Kind::Sample* wide,
                 const Taps<typename Kind::Value>& taps, float* y, int64_t out_h, int64_t width,
                 const Normalization& normalization) {
  const dim3 grid(grid_for(3 * width, kThreads),
                  static_cast<unsigned>(std::min(out_h, kMostLines)));
  launch(down_kernel<Kind>, {grid, kThreads, 0, stream}, wide, taps, y, out_h, 3 * width,
         normalization);
}

// A block makes one line of a crop: its pixels lie side by side in the picture, in the crop they
// are lines of neighbouring patches.
__global__ void __launch_bounds__(kThreads)
    cut_kernel(const float* wide, Taps<float> taps, float* crops, CropCut cut, int64_t lines) {
  const auto patch = static_cast<uint32_t>(cut.patch), grid = static_cast<uint32_t>(cut.grid);
  const uint32_t side = patch * grid;
  for (int64_t at = blockIdx.x; at < lines; at += gridDim.x) {
    const int64_t crop = at / side, line = at % side;
    const int64_t y = crop / cut.columns * cut.step + line - cut.top;
    const int64_t left = crop % cut.columns * cut.step - cut.left;
    const bool line_inside = y >= 0 && y < cut.height;
    // Of the first patch of the line's row of patches, at this line.
    float* to = crops + (crop * grid * grid + line / patch * grid) * patch * patch * 3 +
                line % patch * patch * 3;
    for (uint32_t i = threadIdx.x; i < side * 3; i += kThreads) {
      const uint32_t column = i / (patch * 3), inside = i - column * patch * 3;
      const int64_t x = left + i / 3;
      float value = 0.0f;
      if (line_inside && x >= 0 && x < cut.width)
        value = fminf(fmaxf(weigh<FromFloat>(wide + x * 3 + i % 3, cut.width * 3, taps, y), 0.0f),
                      1.0f);
      to[column * patch * patch * 3 + inside] =
          normalized(value, static_cast<int>(i % 3), cut.mean, cut.std);
    }
  }
}

}  // namespace

void resize_down_normalized(Stream stream, const float* wide, const Taps<float>& taps, float* y,
                            int64_t out_h, int64_t width, const Normalization& normalization) {
  launch_down<FromFloat>(stream, wide, taps, y, out_h, width, normalization);
}

void resize_down_normalized(Stream stream, const uint8_t* wide, const Taps<int32_t>& taps, float* y,
                            int64_t out_h, int64_t width, const Normalization& normalization) {
  launch_down<Pillow>(stream, wide, taps, y, out_h, width, normalization);
}

void resize_down_cut(Stream stream, const float* wide, const Taps<float>& taps, float* crops,
                     const CropCut& cut) {
  const int64_t lines = cut.rows * cut.columns * cut.grid * cut.patch;
  launch(cut_kernel, {grid_for(lines, 1), kThreads, 0, stream}, wide, taps, crops, cut, lines);
}

}  // namespace vmolmo::cuda
