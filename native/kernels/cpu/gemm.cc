// Matrix products over the register tiles of the kernel table. x is packed once, in parallel; then
// every task takes a stripe of columns, packs its weights block by block of k and runs down all
// rows, so each weight is read and packed (quantised ones: widened) exactly once. A handful of rows
// (decoding) skips packing and streams the weights row by row. Blocks of k begin at the same places
// whatever the other extents are, so that a row's sums do not depend on what it is computed with.

#include "native/kernels/cpu/gemm.h"

#include <algorithm>

#include "native/kernels/cpu/scratch.h"

namespace vmolmo::cpu {
namespace {

constexpr int64_t kSkinnyRows = 8;
constexpr int64_t kKBlock = 256;    // k of one packed block of weights; a multiple of 32
constexpr int64_t kRowBlock = 192;  // rows of x that stay in the second-level cache
constexpr int64_t kStripe = 256;    // most columns per task
constexpr int64_t kPackedFloats = int64_t{6} << 20;  // most floats of x packed at a time
constexpr int64_t kSerialWork = 400'000;  // multiply-adds that are not worth a second thread

int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }
int64_t round_up(int64_t a, int64_t unit) { return ceil_div(a, unit) * unit; }

QuantRows quant_from(const Gemm& g, int64_t row) {
  QuantRows rows = g.quant;
  rows.codes += row * rows.row_bytes;
  rows.scales += row * rows.scale_stride;
  return rows;
}

// The columns [begin, end) of the result, without its epilogue.
void stream_columns(const Kernels& kernels, const Gemm& g, int64_t begin, int64_t end) {
  const int64_t rows = end - begin;
  float* y = g.y + begin;
  switch (g.layout) {
    case Gemm::WeightLayout::kBF16:
      return kernels.dot_rows_bf16(g.x, g.ldx, g.m,
                                   static_cast<const uint16_t*>(g.w) + begin * g.ldw, g.ldw, rows,
                                   g.k, y, g.ldy);
    case Gemm::WeightLayout::kInt8:
      return kernels.dot_rows_int8(g.x, g.ldx, g.m, quant_from(g, begin), rows, g.k, y, g.ldy);
    case Gemm::WeightLayout::kNibbles:
      return kernels.dot_rows_nibbles(g.x, g.ldx, g.m, quant_from(g, begin), rows, g.k, y, g.ldy);
    default:
      return kernels.dot_rows(g.x, g.ldx, g.m, static_cast<const float*>(g.w) + begin * g.ldw,
                              g.ldw, rows, g.k, y, g.ldy);
  }
}

void run_skinny(const Kernels& kernels, ThreadPool& threads, const Gemm& g) {
  const int64_t grain = std::max<int64_t>(16, kSerialWork / (g.k * g.m + 1));
  threads.parallel_for(g.n, grain, [&](int64_t begin, int64_t end) {
    stream_columns(kernels, g, begin, end);
    if (!g.bias && !g.residual && g.activation == Activation::kNone) return;
    kernels.epilogue(g.y + begin, g.ldy, g.m, end - begin, g.bias ? g.bias + begin : nullptr,
                     g.residual ? g.residual + begin : nullptr, g.ldr, g.activation);
  });
}

void pack_weights(const Kernels& kernels, const Gemm& g, int64_t n0, int64_t columns, int64_t k0,
                  int64_t k, float* out) {
  switch (g.layout) {
    case Gemm::WeightLayout::kF32:
      return kernels.pack_b(static_cast<const float*>(g.w) + n0 * g.ldw + k0, g.ldw, columns, k,
                            out);
    case Gemm::WeightLayout::kBF16:
      return kernels.pack_b_bf16(static_cast<const uint16_t*>(g.w) + n0 * g.ldw + k0, g.ldw,
                                 columns, k, out);
    case Gemm::WeightLayout::kF32KMajor:
      return kernels.pack_b_kmajor(static_cast<const float*>(g.w) + k0 * g.ldw + n0, g.ldw, columns,
                                   k, out);
    case Gemm::WeightLayout::kInt8:
      return kernels.pack_b_int8(quant_from(g, n0), columns, k0, k, out);
    case Gemm::WeightLayout::kNibbles:
      return kernels.pack_b_nibbles(quant_from(g, n0), columns, k0, k, out);
  }
}

// How the result is cut into tasks: stripes of columns, and of rows where there are few columns.
struct Tiling {
  int64_t stripe, stripes, rows, row_tiles;
};

Tiling make_tiling(const Kernels& kernels, const Gemm& g, int64_t threads) {
  const int64_t wanted = threads == 1 ? 1 : 4 * threads;
  Tiling t;
  t.stripe =
      std::clamp(round_up(ceil_div(g.n, wanted), kernels.nr), int64_t{2} * kernels.nr, kStripe);
  t.stripes = ceil_div(g.n, t.stripe);
  // A row tile packs its weights anew, so it must be tall enough to pay for that.
  const int64_t most = std::max<int64_t>(1, g.m / 96);
  t.row_tiles = std::clamp<int64_t>(ceil_div(wanted, t.stripes), 1, most);
  t.rows = round_up(ceil_div(g.m, t.row_tiles), kernels.mr);
  t.row_tiles = ceil_div(g.m, t.rows);
  return t;
}

// The part [k0, k0 + depth) of k, x packed in `a` with `depth` columns, for one task.
void run_task(const Kernels& kernels, const Gemm& g, const Tiling& t, int64_t task, const float* a,
              int64_t k_begin, int64_t depth) {
  const int64_t n0 = task % t.stripes * t.stripe, columns = std::min(t.stripe, g.n - n0);
  const int64_t m0 = task / t.stripes * t.rows, m1 = std::min(g.m, m0 + t.rows);
  const int64_t block = std::min(depth, kKBlock);
  float* b = thread_scratch(Scratch::kPanels, size_t(round_up(columns, kernels.nr) * block));
  for (int64_t k0 = 0; k0 < depth; k0 += block) {
    const int64_t k = std::min(block, depth - k0);
    pack_weights(kernels, g, n0, columns, k_begin + k0, k, b);
    const bool first = k_begin + k0 == 0, last = k_begin + k0 + k == g.k;
    for (int64_t m = m0; m < m1; m += kRowBlock) {
      const int64_t rows = std::min(kRowBlock, m1 - m);
      float* c = g.y + m * g.ldy + n0;
      kernels.gemm(a + m * depth + k0 * kernels.mr, depth * kernels.mr, b, rows, columns, k, c,
                   g.ldy, !first);
      if (!last || (!g.bias && !g.residual && g.activation == Activation::kNone)) continue;
      kernels.epilogue(c, g.ldy, rows, columns, g.bias ? g.bias + n0 : nullptr,
                       g.residual ? g.residual + m * g.ldr + n0 : nullptr, g.ldr, g.activation);
    }
  }
}

void run_packed(const Kernels& kernels, ThreadPool& threads, Allocator& memory, const Gemm& g) {
  const int64_t panels = ceil_div(g.m, kernels.mr), padded = panels * kernels.mr;
  const bool serial = g.m * g.n * g.k < kSerialWork;
  const Tiling tiling = make_tiling(kernels, g, serial ? 1 : threads.size());
  const int64_t parts = std::max<int64_t>(1, ceil_div(padded * g.k, kPackedFloats));
  const int64_t part = std::min(g.k, round_up(ceil_div(g.k, parts), kKBlock));
  const auto storage = memory.allocate(size_t(padded * part) * sizeof(float));
  float* a = reinterpret_cast<float*>(storage->data);
  for (int64_t k0 = 0; k0 < g.k; k0 += part) {
    const int64_t depth = std::min(part, g.k - k0);
    threads.parallel_for(panels, serial ? panels : 1 + 32768 / (depth * kernels.mr),
                         [&](int64_t begin, int64_t end) {
                           const int64_t row = begin * kernels.mr;
                           const int64_t rows = std::min(end * kernels.mr, g.m) - row;
                           kernels.pack_a(g.x + row * g.ldx + k0, g.ldx, rows, depth,
                                          a + row * depth);
                         });
    const int64_t tasks = tiling.stripes * tiling.row_tiles;
    threads.parallel_for(tasks, serial ? tasks : 1, [&](int64_t begin, int64_t end) {
      for (int64_t task = begin; task < end; ++task) {
        run_task(kernels, g, tiling, task, a, k0, depth);
      }
    });
  }
}

}  // namespace

void gemm(const Kernels& kernels, ThreadPool& threads, Allocator& memory, const Gemm& g) {
  if (g.m == 0 || g.n == 0) return;
  if (g.k == 0) {
    for (int64_t i = 0; i < g.m; ++i) std::fill_n(g.y + i * g.ldy, g.n, 0.0f);
    kernels.epilogue(g.y, g.ldy, g.m, g.n, g.bias, g.residual, g.ldr, g.activation);
    return;
  }
  const bool stream =
      g.path == Gemm::Path::kStream || (g.path == Gemm::Path::kAuto && g.m <= kSkinnyRows);
  if (stream && g.layout != Gemm::WeightLayout::kF32KMajor) {
    run_skinny(kernels, threads, g);
  } else {
    run_packed(kernels, threads, memory, g);
  }
}

}  // namespace vmolmo::cpu
