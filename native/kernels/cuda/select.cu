#include "native/kernels/cuda/select.h"

#include "native/kernels/cuda/launch.cuh"

namespace vmolmo::cuda {
namespace {

constexpr int kThreads = 256;

// A thread per row: there are a handful of columns.
__global__ void best_column_kernel(const float* x, int64_t rows, int64_t columns, int64_t begin,
                                   int32_t* best) {
  for (int64_t r = first_item(); r < rows; r += item_step()) {
    const float* row = x + r * columns;
    int64_t at = begin;
    for (int64_t c = begin + 1; c < columns; ++c) {
      if (row[c] > row[at]) at = c;
    }
    best[r] = static_cast<int32_t>(at);
  }
}

__global__ void pick_kernel(const float* x, const int32_t* index, int64_t shift, int64_t columns,
                            int64_t inner, int64_t count, float* out) {
  for (int64_t i = first_item(); i < count; i += item_step()) {
    const int64_t b = i / inner;
    out[i] = x[(b * columns + index[b] + shift) * inner + i % inner];
  }
}

// Entry blockIdx.y; whole warps go round the loop together, as all lanes must come to the ballots.
__global__ void areas_kernel(const float* logits, int64_t pixels, float delta,
                             unsigned long long* areas) {
  const float* entry = logits + blockIdx.y * pixels;
  const int64_t lane = static_cast<int64_t>(threadIdx.x) % kWarpSize;
  unsigned long long inner = 0, outer = 0;
  for (int64_t base = first_item() - lane; base < pixels; base += item_step()) {
    const float value = base + lane < pixels ? entry[base + lane] : -INFINITY;
    inner += __popc(__ballot_sync(kAllLanes, value > delta));
    outer += __popc(__ballot_sync(kAllLanes, value > -delta));
  }
  if (lane != 0) return;
  if (inner > 0) atomicAdd(areas + 2 * blockIdx.y, inner);
  if (outer > 0) atomicAdd(areas + 2 * blockIdx.y + 1, outer);
}

__global__ void stable_kernel(const unsigned long long* areas, float threshold,
                              const int32_t* fallback, int64_t batch, int32_t* choice) {
  for (int64_t b = first_item(); b < batch; b += item_step()) {
    const unsigned long long inner = areas[2 * b], outer = areas[2 * b + 1];
    const float share = outer == 0 ? 1.0f : static_cast<float>(inner) / static_cast<float>(outer);
    choice[b] = share < threshold ? fallback[b] : 0;
  }
}

__global__ void gate_kernel(float* x, const float* gate, int64_t inner, int64_t count,
                            const float* row, float value, int64_t period, bool add) {
  for (int64_t i = first_item(); i < count; i += item_step()) {
    if (gate[i / inner] > 0.0f) continue;
    const float closed = row ? row[i % inner % period] : value;
    x[i] = add ? x[i] + closed : closed;
  }
}

}  // namespace

void best_column(Stream stream, const float* x, int64_t rows, int64_t columns, int64_t begin,
                 int32_t* best) {
  launch(best_column_kernel, {grid_for(rows, kThreads), kThreads, 0, stream}, x, rows, columns,
         begin, best);
}

void pick(Stream stream, const float* x, const int32_t* index, int64_t shift, int64_t batch,
          int64_t columns, int64_t inner, float* out) {
  const int64_t count = batch * inner;
  launch(pick_kernel, {grid_for(count, kThreads), kThreads, 0, stream}, x, index, shift, columns,
         inner, count, out);
}

void zero_if_stable(Stream stream, const float* logits, int64_t batch, int64_t pixels, float delta,
                    float threshold, const int32_t* fallback, unsigned long long* areas,
                    int32_t* choice) {
  const dim3 grid(grid_for(pixels, 8 * kThreads), static_cast<unsigned>(batch));
  launch(areas_kernel, {grid, kThreads, 0, stream}, logits, pixels, delta, areas);
  launch(stable_kernel, {grid_for(batch, kThreads), kThreads, 0, stream}, areas, threshold,
         fallback, batch, choice);
}

void apply_gate(Stream stream, float* x, const float* gate, int64_t batch, int64_t inner,
                const float* row, float value, int64_t period, GateAction action) {
  const int64_t count = batch * inner;
  launch(gate_kernel, {grid_for(count, kThreads), kThreads, 0, stream}, x, gate, inner, count, row,
         value, period, action == GateAction::kAdd);
}

}  // namespace vmolmo::cuda
