#include "native/kernels/cuda/window.h"

#include "native/kernels/cuda/launch.cuh"

namespace vmolmo::cuda {
namespace {

constexpr int kThreads = 256;

// A warp per window, query and head.
__global__ void window_attention_kernel(const float* q, const float* k, const float* v, float* out,
                                        int64_t count, int64_t queries, int64_t heads, int64_t d,
                                        float scale) {
  const int lane = static_cast<int>(threadIdx.x) % kWarpSize;
  const int64_t warps = static_cast<int64_t>(gridDim.x) * (blockDim.x / kWarpSize);
  const int64_t width = heads * d;
  for (int64_t at = first_item() / kWarpSize; at < count; at += warps) {
    const int64_t head = at % heads, row = at / heads, window = row / queries;
    const float* query = q + row * width + head * d;
    const float* keys = k + window * 4 * width + head * d;
    const float* values = v + window * 4 * width + head * d;
    float score[4] = {0.0f, 0.0f, 0.0f, 0.0f};
    for (int64_t c = lane; c < d; c += kWarpSize) {
#pragma unroll
      for (int j = 0; j < 4; ++j) score[j] += query[c] * keys[j * width + c];
    }
    float top = -INFINITY, total = 0.0f;
#pragma unroll
    for (int j = 0; j < 4; ++j) {
      score[j] = warp_reduce(score[j], Sum{}) * scale;
      top = fmaxf(top, score[j]);
    }
#pragma unroll
    for (int j = 0; j < 4; ++j) {
      score[j] = expf(score[j] - top);
      total += score[j];
    }
    for (int64_t c = lane; c < d; c += kWarpSize) {
      float sum = 0.0f;
#pragma unroll
      for (int j = 0; j < 4; ++j) sum += score[j] * values[j * width + c];
      out[row * width + head * d + c] = sum / total;
    }
  }
}

__global__ void cut_windows_kernel(const float* patches, float* windows, int64_t n, int64_t m,
                                   int64_t c, int64_t count) {
  for (int64_t i = first_item(); i < count; i += item_step()) {
    const int64_t channel = i % c, entry = i / c % 4, window = i / c / 4;
    const int64_t frame = window / (m * m);
    const int64_t y = window / m % m * 2 + entry / 2, x = window % m * 2 + entry % 2;
    windows[i] = y < n && x < n ? patches[((frame * n + y) * n + x) * c + channel] : 0.0f;
  }
}

// Where element i of the windows lies in the map, or -1 for padding.
struct WindowMap {
  int64_t height, width, c, window, down, across;
  __device__ int64_t operator()(int64_t i) const {
    const int64_t channel = i % c, column = i / c % window, row = i / c / window % window;
    const int64_t index = i / c / window / window;
    const int64_t y = index / across % down * window + row, x = index % across * window + column;
    if (y >= height || x >= width) return -1;
    return ((index / (down * across) * height + y) * width + x) * c + channel;
  }
};

template <typename Word>
__global__ void partition_kernel(const Word* x, Word* windows, WindowMap map, int64_t count) {
  for (int64_t i = first_item(); i < count; i += item_step()) {
    const int64_t at = map(i);
    windows[i] = at >= 0 ? x[at] : Word{0};
  }
}

template <typename Word>
__global__ void unpartition_kernel(const Word* windows, Word* x, WindowMap map, int64_t count) {
  for (int64_t i = first_item(); i < count; i += item_step()) {
    const int64_t at = map(i);
    if (at >= 0) x[at] = windows[i];
  }
}

WindowMap window_map(int64_t height, int64_t width, int64_t c, int64_t window) {
  return {height, width, c, window, ceil_div(height, window), ceil_div(width, window)};
}

int64_t elements(const WindowMap& map, int64_t batch) {
  return batch * map.down * map.across * map.window * map.window * map.c;
}

template <typename Word>
void partition(Stream stream, const Word* x, Word* windows, const WindowMap& map, int64_t batch) {
  const int64_t count = elements(map, batch);
  launch(partition_kernel<Word>, {grid_for(count, kThreads), kThreads, 0, stream}, x, windows, map,
         count);
}

template <typename Word>
void unpartition(Stream stream, const Word* windows, Word* x, const WindowMap& map, int64_t batch) {
  const int64_t count = elements(map, batch);
  launch(unpartition_kernel<Word>, {grid_for(count, kThreads), kThreads, 0, stream}, windows, x,
         map, count);
}

}  // namespace

void window_attention(Stream stream, const float* q, const float* k, const float* v, float* out,
                      int64_t windows, int64_t queries, int64_t heads, int64_t d, float scale) {
  const int64_t count = windows * queries * heads;
  launch(window_attention_kernel, {grid_for(count * kWarpSize, kThreads), kThreads, 0, stream}, q,
         k, v, out, count, queries, heads, d, scale);
}

void cut_windows(Stream stream, const float* patches, float* windows, int64_t frames, int64_t n,
                 int64_t c) {
  const int64_t m = (n + 1) / 2, count = frames * m * m * 4 * c;
  launch(cut_windows_kernel, {grid_for(count, kThreads), kThreads, 0, stream}, patches, windows, n,
         m, c, count);
}

void window_partition(Stream stream, const float* x, float* windows, int64_t batch, int64_t height,
                      int64_t width, int64_t c, int64_t window) {
  partition(stream, x, windows, window_map(height, width, c, window), batch);
}
void window_partition(Stream stream, const uint16_t* x, uint16_t* windows, int64_t batch,
                      int64_t height, int64_t width, int64_t c, int64_t window) {
  partition(stream, x, windows, window_map(height, width, c, window), batch);
}

void window_unpartition(Stream stream, const float* windows, float* x, int64_t batch,
                        int64_t height, int64_t width, int64_t c, int64_t window) {
  unpartition(stream, windows, x, window_map(height, width, c, window), batch);
}
void window_unpartition(Stream stream, const uint16_t* windows, uint16_t* x, int64_t batch,
                        int64_t height, int64_t width, int64_t c, int64_t window) {
  unpartition(stream, windows, x, window_map(height, width, c, window), batch);
}

}  // namespace vmolmo::cuda
